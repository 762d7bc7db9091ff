//! Who asks, and what they may do: one table.

use crate::handling::Who;
use crate::store::Via;
use crate::store::types::people::{Role, Scope};

/// Whoever asks for a page, or for something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// Name of the account or token.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whose systems it sees.
    pub scope: Scope,
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Pages and figures.
    See,
    /// Take an alert, or give it back.
    Acknowledge,
    /// Silence alerts.
    Silence,
    /// Write a note.
    Note,
    /// Open a window, or end it.
    Window,
    /// Read the audit.
    ReadAudit,
    /// Add, rotate, revoke, retire, rename or move an agent.
    ManageAgents,
    /// Add, change and disable accounts.
    ManageAccounts,
    /// Make and revoke API tokens.
    ManageTokens,
}

/// What an action touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// One customer's systems.
    Customer,
    /// The whole collector: only for those who see every customer, since it decides who sees what.
    Everything,
}

/// The table: who may do what, and what it touches.
const TABLE: [(Action, Role, Reach); 9] = [
    (Action::See, Role::Viewer, Reach::Customer),
    (Action::Acknowledge, Role::Operator, Reach::Customer),
    (Action::Silence, Role::Operator, Reach::Customer),
    (Action::Note, Role::Operator, Reach::Customer),
    (Action::Window, Role::Operator, Reach::Customer),
    (Action::ReadAudit, Role::Admin, Reach::Customer),
    (Action::ManageAgents, Role::Admin, Reach::Customer),
    (Action::ManageAccounts, Role::Admin, Reach::Everything),
    (Action::ManageTokens, Role::Admin, Reach::Everything),
];

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The role does not do.
    Role {
        /// What the viewer has.
        has: Role,
        /// What it takes.
        needs: Role,
    },
    /// Another customer's: to this viewer it does not exist (404).
    Customer,
    /// It touches every customer, and the viewer sees only some.
    NotAll,
}

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Role { has, needs } => {
                write!(f, "needs the role {}, has {}", needs.word(), has.word())
            }
            Self::Customer => write!(f, "of another customer"),
            Self::NotAll => write!(f, "only for those who see all customers"),
        }
    }
}

impl Viewer {
    /// Whether the viewer may do it: to what belongs to `customer`, or in principle where that is `None`.
    ///
    /// # Errors
    /// Why not.
    pub fn may(&self, action: Action, customer: Option<&str>) -> Result<(), Refused> {
        if customer.is_some_and(|customer| !self.scope.has(customer)) {
            return Err(Refused::Customer);
        }
        let row = TABLE.iter().find(|(listed, ..)| *listed == action);
        // Every action has its row (tested); one without is nobody's.
        let Some((_, needs, reach)) = row else {
            return Err(Refused::NotAll);
        };
        if self.role < *needs {
            return Err(Refused::Role {
                has: self.role,
                needs: *needs,
            });
        }
        if *reach == Reach::Everything && self.scope != Scope::All {
            return Err(Refused::NotAll);
        }
        Ok(())
    }

    /// The same person as one who acts on alerts, silences and windows.
    #[must_use]
    pub fn who(&self, via: Via) -> Who {
        Who {
            name: self.name.clone(),
            via,
            scope: self.scope.clone(),
        }
    }

    /// Whether the viewer sees the customer's systems.
    #[must_use]
    pub fn sees(&self, customer: &str) -> bool {
        self.may(Action::See, Some(customer)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIONS: [Action; 9] = [
        Action::See,
        Action::Acknowledge,
        Action::Silence,
        Action::Note,
        Action::Window,
        Action::ReadAudit,
        Action::ManageAgents,
        Action::ManageAccounts,
        Action::ManageTokens,
    ];

    fn viewer(role: Role, scope: Scope) -> Viewer {
        Viewer {
            name: "x".to_owned(),
            role,
            scope,
        }
    }

    #[test]
    fn each_role_may_what_the_table_says_and_no_more() {
        let a = || Scope::Customers(["A".to_owned()].into());
        // One digit an action: 1 where it may.
        for (role, scope, own, other) in [
            (Role::Viewer, Scope::All, "100000000", "100000000"),
            (Role::Viewer, a(), "100000000", "000000000"),
            (Role::Operator, Scope::All, "111110000", "111110000"),
            (Role::Operator, a(), "111110000", "000000000"),
            (Role::Admin, Scope::All, "111111111", "111111111"),
            (Role::Admin, a(), "111111100", "000000000"),
            (
                Role::Admin,
                Scope::Customers([].into()),
                "000000000",
                "000000000",
            ),
        ] {
            let viewer = viewer(role, scope);
            let row = |customer| -> String {
                ACTIONS
                    .iter()
                    .map(|action| match viewer.may(*action, Some(customer)) {
                        Ok(()) => '1',
                        Err(_) => '0',
                    })
                    .collect()
            };
            assert_eq!((row("A"), row("B")), (own.to_owned(), other.to_owned()));
        }
    }

    #[test]
    fn a_refusal_says_why() {
        let operator = viewer(Role::Operator, Scope::Customers(["A".to_owned()].into()));
        assert_eq!(operator.may(Action::See, Some("B")), Err(Refused::Customer));
        assert_eq!(
            operator.may(Action::ManageAccounts, None),
            Err(Refused::Role {
                has: Role::Operator,
                needs: Role::Admin
            })
        );
        let admin = viewer(Role::Admin, Scope::Customers(["A".to_owned()].into()));
        assert_eq!(admin.may(Action::ManageTokens, None), Err(Refused::NotAll));
    }
}
