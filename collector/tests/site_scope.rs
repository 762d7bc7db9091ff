//! Whose an alert is that the collector raised for a site or a receiver, on both stores: people act on those of their customers.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::frame::kind::AgentId;
use hansho::rule::Reason;
use hansho_collector::handling::acknowledge::{Ask, acknowledge};
use hansho_collector::handling::{Fault, Refused, Scope, Who, owner, transact};
use hansho_collector::store::raise::{self, Raise};
use hansho_collector::store::{AlertId, COLLECTOR_AGENT, MemoryStore, SqliteStore, Store, Via};
use support::{Folder, at, new_agent};

fn raise(store: &dyn Store, agent: AgentId, code: u16, subject: &str) -> AlertId {
    let raise = Raise {
        agent,
        code,
        subject: subject.to_owned(),
        occurred: None,
        value: Some(1),
        total: None,
        level: None,
        reason: Reason::Event,
        count: 1,
    };
    let mut raised = None;
    store
        .transact(&mut |rows| {
            raised = Some(raise::raise(rows, &raise, at(1))?.alert());
            Ok(())
        })
        .unwrap();
    raised.unwrap()
}

fn who(customer: Option<&str>) -> Who {
    Who {
        name: "sato".to_owned(),
        via: Via::Page,
        scope: customer.map_or(Scope::All, |customer| {
            Scope::Customers([customer.to_owned()].into())
        }),
    }
}

fn takes(store: &dyn Store, who: &Who, alert: AlertId) -> bool {
    let taken = transact(store, |rows| {
        acknowledge(rows, who, alert, &Ask::default(), at(2))
    });
    match taken {
        Ok(_) => true,
        Err(Fault::Refused(Refused::NoAlert)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_sites_alert_is_its_customers_and_a_receivers_is_nobodys() {
    let folder = Folder::new("site-scope");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    for store in [&MemoryStore::default() as &dyn Store, &sqlite] {
        // Of another customer; its subject only looks like that of a site.
        store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
        let own = raise(store, AgentId(1), 4001, "mirai/data");
        let site = raise(store, COLLECTOR_AGENT, 9005, "mirai/tokyo");
        // Receivers may be called anything.
        let receiver = raise(store, COLLECTOR_AGENT, 9008, "mirai/sato");
        for (alert, customer) in [(site, "mirai"), (receiver, "")] {
            let mut found = String::new();
            store
                .view(&mut |rows| {
                    let alert = rows.alert(alert)?.unwrap();
                    found = owner(rows, &alert)?.customer;
                    Ok(())
                })
                .unwrap();
            assert_eq!(found, customer);
        }
        let mirai = who(Some("mirai"));
        assert!(!takes(store, &mirai, own));
        assert!(!takes(store, &mirai, receiver));
        assert!(!takes(store, &who(Some("aozora")), site));
        assert!(takes(store, &mirai, site));
        assert!(takes(store, &who(None), receiver));
    }
}
