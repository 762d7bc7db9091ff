//! What is read as written, and its defaults.

use super::*;

fn good(more: &str) -> Config {
    read(&format!("{BASE}{more}"), &none()).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

#[test]
fn mail_has_its_defaults() {
    let mail = |more: &str| {
        let text =
            format!("[mail]\nhost = \"m.example.jp\"\nfrom = \"半鐘 <h@example.jp>\"\n{more}");
        read(&format!("{BASE}{text}"), &with(&[("p", "pw", 0o600)]))
            .map(|config| config.mail.unwrap())
    };
    let plain = mail("").unwrap();
    assert_eq!((plain.port, plain.tls), (587, MailTls::Starttls));
    assert_eq!(plain.envelope_from, "h@example.jp");
    assert_eq!(plain.from.name.as_deref(), Some("半鐘"));
    assert_eq!(mail("tls = \"tls\"\n").unwrap().port, 465);
    assert_eq!(mail("tls = \"none\"\n").unwrap().port, 25);
    let login = mail("user = \"u\"\npassword_file = \"p\"\n")
        .unwrap()
        .login
        .unwrap();
    assert_eq!((login.0.as_str(), login.1.reveal()), ("u", "pw"));
    let open = mail("user = \"u\"\npassword_file = \"p\"\ntls = \"none\"\n").unwrap_err();
    assert_eq!(open[0].key, "[mail] tls");
    assert_eq!(good("").mail, None);
}

#[test]
fn repetition_may_be_never() {
    let repeat = |text: &str| {
        good(&format!("[notify]\nrepeat_after = \"{text}\"\n"))
            .notify
            .repeat_after_ms
    };
    assert_eq!(repeat("never"), None);
    assert_eq!(repeat("5m"), Some(300_000));
    assert_eq!(good("").notify.repeat_after_ms, Some(4 * 3_600_000));
}

#[test]
fn texts_codes_and_lists_are_read_as_written() {
    let config = good(
        "[[customer]]\nid = \"c\"\nname = { ja = \"客\" }\n[[response]]\ncode = \"hns1002-e\"\nimpact = \"\"\"\n一行目\n二行目\n\"\"\"\n\
         first_action = { ja = \"見る\", en = \"look\" }\n[[route]]\ncode = [1002, \"HNS7123\"]\nreceivers = \"a\"\n\
         [[receiver]]\nid = \"a\"\nmail = [\"a@example.jp\", \"A@example.jp\", \"b@example.jp\"]\n",
    );
    assert_eq!(config.tables.customers["c"].name, Text::same("客"));
    let response: &Response = &config.tables.responses[0];
    assert_eq!((response.code, response.line), (1002, BASE_LINES + 4));
    assert_eq!(response.impact.as_ref().unwrap().ja, "一行目\n二行目");
    assert_eq!(response.first_action[0].en, "look");
    assert_eq!(config.tables.routes[0].code, [1002, 7123]);
    assert_eq!(
        config.tables.routes[0].to,
        RouteTo::Receivers(vec!["a".to_owned()])
    );
    let Channel::Mail(addresses) = &config.tables.receivers["a"].channel else {
        panic!("mail");
    };
    assert_eq!(addresses, &["a@example.jp", "b@example.jp"]);
}
