//! Accounts of people, and API tokens.

use super::about::{ROLES, customers};
use super::codes::LANGUAGES;
use super::object::object;
use super::page::{self, Asked, CURSOR_FIELD, LIMIT_FIELD};
use super::problem::{Problem, Sort};
use super::table::{Answer, Operation, get, post};
use super::value::{Field, Kind, Shape, may, must};
use super::{Desk, Input, Outcome, done};
use crate::clock::DAY_MS;
use crate::limit::{PASSWORD_BYTES, TOKEN_DAYS};
use crate::people::accounts::Rights;
use crate::people::tokens::NewToken;
use crate::people::{Account, Action, ApiToken, NotDone, Role, Scope};
use hansho::clock::WallTime;
use hansho::code::Language;
use serde_json::{Value as Json, json};

const ACCOUNT: Shape = Shape {
    name: "Account",
    says: "A person's account.",
    fields: &[
        must("account", Kind::Text(64), "Name."),
        must("role", Kind::Word(ROLES), "What it may do."),
        must("customers", Kind::Customers, "Whose systems it sees."),
        may(
            "language",
            Kind::Word(LANGUAGES),
            "Language of its pages; null for what the browser asks for.",
        ),
        must(
            "password",
            Kind::Flag,
            "Whether it has one; without, only a single-sign-on proxy lets the person in.",
        ),
        must("disabled", Kind::Flag, "It cannot come in."),
        must("created", Kind::Moment, "When it was added."),
    ],
};

const NEW_ACCOUNT: Shape = Shape {
    name: "NewAccount",
    says: "An account to be added.",
    fields: &[
        must(
            "name",
            Kind::Text(64),
            "Name: letters and digits of any script and `._@+-`.",
        ),
        may(
            "password",
            Kind::Text(PASSWORD_BYTES),
            "12 characters or more; without it only a single-sign-on proxy lets the person in.",
        ),
        must("role", Kind::Word(ROLES), "What it may do."),
        must("customers", Kind::Customers, "Whose systems it sees."),
        may("language", Kind::Word(LANGUAGES), "Language of its pages."),
    ],
};

const CHANGE: Shape = Shape {
    name: "ChangeAccount",
    says: "What is to be changed of an account; what is not given stays.",
    fields: &[
        may("role", Kind::Word(ROLES), "What it may do."),
        may("customers", Kind::Customers, "Whose systems it sees."),
        may(
            "disabled",
            Kind::Flag,
            "It cannot come in; its sessions end.",
        ),
    ],
};

const PASSWORD: Shape = Shape {
    name: "NewPassword",
    says: "Another password; all sessions of the account end.",
    fields: &[must(
        "password",
        Kind::Text(PASSWORD_BYTES),
        "12 characters or more, without the name in it.",
    )],
};

const TOKEN_FIELDS: &[Field] = &[
    must("token", Kind::Text(64), "Its name."),
    must("role", Kind::Word(ROLES), "What it may do."),
    must("customers", Kind::Customers, "Whose systems it sees."),
    must("created", Kind::Moment, "When it was made."),
    must("created_by", Kind::Text(64), "By whom."),
    may(
        "expires",
        Kind::Moment,
        "From when on it is refused; null for never.",
    ),
    may("used", Kind::Moment, "When it was used last, to a minute."),
];

const TOKEN: Shape = Shape {
    name: "Token",
    says: "An API token, without its secret.",
    fields: TOKEN_FIELDS,
};

const MADE: Shape = Shape {
    name: "MadeToken",
    says: "A token that was made. Its secret is told here and never again.",
    fields: &[
        must("token", Kind::Text(64), "Its name."),
        must(
            "secret",
            Kind::Text(128),
            "What stands behind `Authorization: Bearer`.",
        ),
        may(
            "expires",
            Kind::Moment,
            "From when on it is refused; null for never.",
        ),
    ],
};

const NEW_TOKEN: Shape = Shape {
    name: "NewToken",
    says: "A token to be made.",
    fields: &[
        must(
            "name",
            Kind::Text(64),
            "Name: letters and digits of any script and `._@+-`.",
        ),
        must("role", Kind::Word(ROLES), "What it may do."),
        must("customers", Kind::Customers, "Whose systems it sees."),
        may(
            "days",
            Kind::Integer(1, TOKEN_DAYS),
            "How long it is good; without an end where it is not given.",
        ),
    ],
};

const REVOKED: Shape = Shape {
    name: "RevokedToken",
    says: "A token that was revoked.",
    fields: &[must("token", Kind::Text(64), "Its name.")],
};

const ACCOUNT_FIELD: Field = must("account", Kind::Text(64), "The account's name.");
const TOKEN_FIELD: Field = must("token", Kind::Text(64), "The token's name.");

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    get(
        "/api/v1/accounts",
        "accounts",
        "People",
        "Accounts, by name.",
        Answer::Page(&ACCOUNT),
        list,
    )
    .needs(Action::ManageAccounts)
    .with(&[CURSOR_FIELD, LIMIT_FIELD]),
    post(
        "/api/v1/accounts",
        "add_account",
        "People",
        "Adds an account.",
        Answer::Made(&ACCOUNT),
        add,
    )
    .needs(Action::ManageAccounts)
    .takes(&NEW_ACCOUNT)
    .or(&[Sort::Conflict, Sort::Refused]),
    get(
        "/api/v1/accounts/{account}",
        "account",
        "People",
        "One account.",
        Answer::One(&ACCOUNT),
        one,
    )
    .needs(Action::ManageAccounts)
    .with(&[ACCOUNT_FIELD])
    .or(&[Sort::NotFound]),
    post(
        "/api/v1/accounts/{account}/change",
        "change_account",
        "People",
        "Changes what an account may do. The last account that can manage accounts keeps that.",
        Answer::One(&ACCOUNT),
        change,
    )
    .needs(Action::ManageAccounts)
    .with(&[ACCOUNT_FIELD])
    .takes(&CHANGE)
    .or(&[Sort::NotFound, Sort::Conflict, Sort::Refused]),
    post(
        "/api/v1/accounts/{account}/password",
        "set_password",
        "People",
        "Sets somebody's password.",
        Answer::One(&ACCOUNT),
        password,
    )
    .needs(Action::ManageAccounts)
    .with(&[ACCOUNT_FIELD])
    .takes(&PASSWORD)
    .or(&[Sort::NotFound, Sort::Refused]),
    get(
        "/api/v1/tokens",
        "tokens",
        "People",
        "API tokens, by name.",
        Answer::Page(&TOKEN),
        tokens,
    )
    .needs(Action::ManageTokens)
    .with(&[CURSOR_FIELD, LIMIT_FIELD]),
    post(
        "/api/v1/tokens",
        "add_token",
        "People",
        "Makes an API token.",
        Answer::Made(&MADE),
        add_token,
    )
    .needs(Action::ManageTokens)
    .takes(&NEW_TOKEN)
    .or(&[Sort::Conflict, Sort::Refused]),
    post(
        "/api/v1/tokens/{token}/revoke",
        "revoke_token",
        "People",
        "Revokes an API token: from now on it is unknown.",
        Answer::One(&REVOKED),
        revoke_token,
    )
    .needs(Action::ManageTokens)
    .with(&[TOKEN_FIELD])
    .or(&[Sort::NotFound]),
];

/// An account.
#[must_use]
pub fn account(account: &Account) -> Json {
    let mut json = object(json!({
        "account": account.name,
        "role": account.role.word(),
        "customers": customers(&account.scope),
        "language": account.language.map(Language::tag),
        "password": account.password.is_some(),
        "disabled": account.disabled,
    }));
    json.moment("created", Some(account.created));
    json.json()
}

/// A token.
#[must_use]
pub fn token(token: &ApiToken) -> Json {
    let mut json = object(json!({
        "token": token.name,
        "role": token.role.word(),
        "customers": customers(&token.scope),
        "created_by": token.created_by,
    }));
    json.moment("created", Some(token.created));
    json.moment("expires", token.expires);
    json.moment("used", token.used);
    json.json()
}

fn role(input: &Input) -> Option<Role> {
    input.given("role").and_then(Role::from_word)
}

fn scope(input: &Input) -> Option<Scope> {
    if input.given("customers") == Some("all") {
        return Some(Scope::All);
    }
    let names = input.texts("customers")?;
    Some(Scope::Customers(names.into_iter().collect()))
}

fn needed<T>(name: &str, value: Option<T>) -> Result<T, Problem> {
    value.ok_or_else(|| Problem::of(Sort::Missing, name, "it is needed"))
}

fn list(desk: &Desk<'_>, input: &Input) -> Outcome {
    let (accounts, _) = desk.gate.everybody()?;
    let asked = Asked::new(input);
    Ok(page::of(
        &accounts,
        &asked,
        asked.after.as_ref(),
        |account| account.name.clone(),
        Clone::clone,
        account,
    ))
}

fn shown(desk: &Desk<'_>, name: &str) -> Outcome {
    match desk.gate.account(name)? {
        Some(found) => done(account(&found)),
        None => Err(Problem::not_found("account")),
    }
}

fn one(desk: &Desk<'_>, input: &Input) -> Outcome {
    shown(desk, input.text("account"))
}

fn add(desk: &Desk<'_>, input: &Input) -> Outcome {
    let rights = Rights {
        role: needed("role", role(input))?,
        scope: needed("customers", scope(input))?,
        disabled: false,
    };
    let language = input.given("language").and_then(Language::from_tag);
    let name = input.text("name");
    let password = input.given("password");
    desk.gate
        .add_account(name, password, &rights, language, &desk.who, desk.now)?;
    shown(desk, name)
}

fn change(desk: &Desk<'_>, input: &Input) -> Outcome {
    let name = input.text("account");
    let before = desk.gate.account(name)?.ok_or(NotDone::Missing)?;
    let rights = Rights {
        role: role(input).unwrap_or(before.role),
        scope: scope(input).unwrap_or(before.scope),
        disabled: input.maybe("disabled").unwrap_or(before.disabled),
    };
    desk.gate
        .change_account(name, &rights, &desk.who, desk.now)?;
    shown(desk, name)
}

fn password(desk: &Desk<'_>, input: &Input) -> Outcome {
    let name = input.text("account");
    if desk.gate.account(name)?.is_none() {
        // Before a hash is made for nobody.
        return Err(NotDone::Missing.into());
    }
    desk.gate
        .set_password(name, input.text("password"), &desk.who, desk.now)?;
    shown(desk, name)
}

fn tokens(desk: &Desk<'_>, input: &Input) -> Outcome {
    let (_, tokens) = desk.gate.everybody()?;
    let asked = Asked::new(input);
    Ok(page::of(
        &tokens,
        &asked,
        asked.after.as_ref(),
        |token| token.name.clone(),
        Clone::clone,
        token,
    ))
}

fn add_token(desk: &Desk<'_>, input: &Input) -> Outcome {
    let expires = input.integer("days").map(|days| {
        let ms = days.saturating_mul(DAY_MS);
        WallTime::from_millis(desk.now.as_millis().saturating_add(ms))
    });
    let token = NewToken {
        name: input.text("name").to_owned(),
        role: needed("role", role(input))?,
        scope: needed("customers", scope(input))?,
        expires,
    };
    let secret = desk.gate.add_token(&token, &desk.who, desk.now)?;
    let mut json = object(json!({ "token": token.name, "secret": secret.token() }));
    json.moment("expires", expires);
    done(json.json())
}

fn revoke_token(desk: &Desk<'_>, input: &Input) -> Outcome {
    let name = input.text("token");
    desk.gate.revoke_token(name, &desk.who, desk.now)?;
    done(json!({ "token": name }))
}
