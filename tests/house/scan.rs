//! Rust source as far as the house rules need it: names and paths, without comments, literals and test code.
//!
//! This is no parser. It knows tokens, `use` trees, inline modules and `#[cfg(test)]`; what a macro makes of
//! its input it does not know, nor names that come by a glob.

use std::collections::BTreeMap;

/// One token, and the line on which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

/// What the rules tell apart. Literals and comments leave no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier or keyword; `r#name` without its prefix.
    Name(String),
    /// `::`
    Separator,
    /// Any other character.
    Sign(char),
}

impl Token {
    pub(crate) fn name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Name(name) => Some(name),
            _ => None,
        }
    }

    pub(crate) fn is(&self, sign: char) -> bool {
        self.kind == Kind::Sign(sign)
    }
}

/// A path as written, one for each leaf of a `use` tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// `["crate", "frame", "Batch"]`; a glob ends in `"*"`.
    pub(crate) segments: Vec<String>,
    /// The name after `as`.
    pub(crate) alias: Option<String>,
    /// Whether it stands in a `use` declaration.
    pub(crate) in_use: bool,
    /// Names of the inline modules around it, outermost first.
    pub(crate) inside: Vec<String>,
    pub(crate) line: usize,
}

/// The tokens of `source`, literals and comments left out.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let text: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(&character) = text.get(at) {
        let next = text.get(at + 1).copied();
        let end = match character {
            '/' if next == Some('/') => find(&text, at, |c| c == '\n'),
            '/' if next == Some('*') => block_comment_end(&text, at),
            '"' => string_end(&text, at + 1),
            '\'' => quote_end(&text, at),
            c if c.is_alphabetic() || c == '_' => {
                let end = find(&text, at, |c| !(c.is_alphanumeric() || c == '_'));
                let name: String = text[at..end].iter().collect();
                match literal_after(&text, &name, end) {
                    Some(literal_end) => literal_end,
                    None if name == "r" && text.get(end) == Some(&'#') => end + 1,
                    None => {
                        tokens.push(Token {
                            kind: Kind::Name(name),
                            line,
                        });
                        end
                    }
                }
            }
            c if c.is_ascii_digit() => find(&text, at, |c| !(c.is_alphanumeric() || c == '_')),
            ':' if next == Some(':') => {
                tokens.push(Token {
                    kind: Kind::Separator,
                    line,
                });
                at + 2
            }
            c => {
                if !c.is_whitespace() {
                    tokens.push(Token {
                        kind: Kind::Sign(c),
                        line,
                    });
                }
                at + 1
            }
        };
        line += text[at..end].iter().filter(|&&c| c == '\n').count();
        at = end;
    }
    tokens
}

fn find(text: &[char], from: usize, stop: impl Fn(char) -> bool) -> usize {
    text[from..]
        .iter()
        .position(|&c| stop(c))
        .map_or(text.len(), |offset| from + offset)
}

fn block_comment_end(text: &[char], from: usize) -> usize {
    let (mut depth, mut at) = (0, from);
    while at + 1 < text.len() {
        match (text[at], text[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn string_end(text: &[char], from: usize) -> usize {
    let mut at = from;
    while let Some(&c) = text.get(at) {
        match c {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// End of a character literal, or of the quote of a lifetime.
fn quote_end(text: &[char], from: usize) -> usize {
    match text.get(from + 1) {
        Some('\\') => (find(text, from + 3, |c| c == '\'') + 1).min(text.len()),
        Some(_) if text.get(from + 2) == Some(&'\'') => from + 3,
        _ => from + 1,
    }
}

/// End of the literal that `prefix` begins: `b"`, `c"`, `r"`, `r#"`, `br#"`, `b'`.
fn literal_after(text: &[char], prefix: &str, at: usize) -> Option<usize> {
    let hashes = text[at..].iter().take_while(|&&c| c == '#').count();
    let raw = matches!(prefix, "r" | "br" | "cr");
    match text.get(at + hashes) {
        Some('"') if raw => {
            let mut end = at + hashes + 1;
            loop {
                end = find(text, end, |c| c == '"') + 1;
                if end > text.len() {
                    return Some(text.len());
                }
                if text[end..].iter().take_while(|&&c| c == '#').count() >= hashes {
                    return Some(end + hashes);
                }
            }
        }
        Some('"') if hashes == 0 && matches!(prefix, "b" | "c") => Some(string_end(text, at + 1)),
        Some('\'') if hashes == 0 && prefix == "b" => Some(quote_end(text, at)),
        _ => None,
    }
}

/// `tokens` without items under `#[cfg(test)]` or `#[test]`, and the modules in files of their own that are
/// declared so.
pub(crate) fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let (mut kept, mut test_modules, mut at) = (Vec::new(), Vec::new(), 0);
    while at < tokens.len() {
        let Some(end) = attribute_end(tokens, at) else {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        };
        if !is_test_attribute(&tokens[at..end]) {
            kept.extend_from_slice(&tokens[at..end]);
            at = end;
            continue;
        }
        let mut item = end;
        while let Some(end) = attribute_end(tokens, item) {
            item = end;
        }
        at = item_end(tokens, item);
        // `mod name;`, whatever stands before it.
        let item = &tokens[item..at];
        if let Some(word) = item.iter().position(|token| token.name() == Some("mod")) {
            let name = item.get(word + 1).and_then(Token::name);
            if item.get(word + 2).is_some_and(|token| token.is(';')) {
                test_modules.extend(name.map(str::to_owned));
            }
        }
    }
    (kept, test_modules)
}

fn attribute_end(tokens: &[Token], at: usize) -> Option<usize> {
    if !(tokens.get(at)?.is('#') && tokens.get(at + 1)?.is('[')) {
        return None;
    }
    Some(closing(tokens, at + 1) + 1)
}

fn is_test_attribute(attribute: &[Token]) -> bool {
    let names: Vec<&str> = attribute.iter().filter_map(Token::name).collect();
    match names.first() {
        Some(&"test") => true,
        Some(&"cfg") => {
            names.contains(&"test") && !names.contains(&"not") && !names.contains(&"any")
        }
        _ => false,
    }
}

/// Index of the bracket that closes the one at `open`.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Sign('(' | '[' | '{') => depth += 1,
            Kind::Sign(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index;
        }
    }
    tokens.len().saturating_sub(1)
}

/// Index after the item that begins at `from`: after its `;`, or its body.
fn item_end(tokens: &[Token], from: usize) -> usize {
    let mut at = from;
    while let Some(token) = tokens.get(at) {
        match token.kind {
            Kind::Sign(';') => return at + 1,
            Kind::Sign('{') => {
                let end = closing(tokens, at) + 1;
                return if tokens.get(end).is_some_and(|token| token.is(';')) {
                    end + 1
                } else {
                    end
                };
            }
            Kind::Sign('(' | '[') => at = closing(tokens, at) + 1,
            Kind::Sign(')' | ']' | '}') => return at,
            _ => at += 1,
        }
    }
    at
}

/// Every path in `tokens`, in order.
pub(crate) fn paths(tokens: &[Token]) -> Vec<Written> {
    let mut scan = Scan {
        tokens,
        found: Vec::new(),
        in_use: false,
        modules: Vec::new(),
    };
    let (mut at, mut depth) = (0, 0);
    while let Some(token) = tokens.get(at) {
        match &token.kind {
            Kind::Sign('{') => depth += 1,
            Kind::Sign('}') => {
                depth -= 1;
                scan.modules.retain(|(_, opened)| *opened <= depth);
            }
            Kind::Sign(';') => scan.in_use = false,
            Kind::Name(word) if word == "use" => scan.in_use = true,
            Kind::Name(word) if word == "mod" => {
                let name = tokens.get(at + 1).and_then(Token::name);
                if let (Some(name), true) =
                    (name, tokens.get(at + 2).is_some_and(|token| token.is('{')))
                {
                    scan.modules.push((name.to_owned(), depth + 1));
                }
            }
            Kind::Name(_) => {
                at = scan.path(at, &[]);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    scan.found
}

struct Scan<'t> {
    tokens: &'t [Token],
    found: Vec<Written>,
    in_use: bool,
    /// Inline modules, each with the depth of braces inside it.
    modules: Vec<(String, i32)>,
}

impl Scan<'_> {
    /// Reads the path (or tree) at `at`, under `prefix`; gives the index after it.
    fn path(&mut self, mut at: usize, prefix: &[String]) -> usize {
        let mut segments = prefix.to_vec();
        let line = self.tokens[at].line;
        while let Some(token) = self.tokens.get(at) {
            match &token.kind {
                Kind::Name(name) => {
                    // `self` in a tree is the prefix itself.
                    if name != "self" || prefix.is_empty() {
                        segments.push(name.clone());
                    }
                    at += 1;
                }
                Kind::Sign('*') if self.in_use => {
                    segments.push("*".to_owned());
                    at += 1;
                    break;
                }
                Kind::Sign('{') if self.in_use => return self.tree(at, &segments),
                _ => break,
            }
            if self
                .tokens
                .get(at)
                .is_none_or(|token| token.kind != Kind::Separator)
            {
                break;
            }
            at += 1;
        }
        let alias = match (
            self.tokens.get(at).and_then(Token::name),
            self.tokens.get(at + 1),
        ) {
            (Some("as"), Some(token)) if self.in_use => token.name().map(str::to_owned),
            _ => None,
        };
        at += if alias.is_some() { 2 } else { 0 };
        let inside = self.modules.iter().map(|(name, _)| name.clone()).collect();
        self.found.push(Written {
            segments,
            alias,
            in_use: self.in_use,
            inside,
            line,
        });
        at
    }

    fn tree(&mut self, open: usize, prefix: &[String]) -> usize {
        let mut at = open + 1;
        while let Some(token) = self.tokens.get(at) {
            at = match token.kind {
                Kind::Sign('}') => return at + 1,
                Kind::Name(_) | Kind::Sign('*' | '{') => self.path(at, prefix).max(at + 1),
                _ => at + 1,
            };
        }
        at
    }
}

/// The segments of each of `paths`, the first name replaced by what a `use` of the same file says it stands for.
pub(crate) fn expanded(paths: &[Written]) -> Vec<Vec<String>> {
    let used = paths.iter().filter(|path| path.in_use);
    let names: BTreeMap<&str, &[String]> = used
        .filter_map(|path| {
            let name = path.alias.as_ref().or(path.segments.last())?;
            Some((name.as_str(), path.segments.as_slice()))
        })
        .collect();
    let whole = |path: &Written| match path.segments.split_first() {
        Some((first, rest)) if !path.in_use => names
            .get(first.as_str())
            .map(|stands_for| [stands_for, rest].concat()),
        _ => None,
    };
    paths
        .iter()
        .map(|path| whole(path).unwrap_or_else(|| path.segments.clone()))
        .collect()
}

/// `segments` from the root of the crate, where they begin with `crate`, `self` or `super` in `module`.
pub(crate) fn from_root(module: &[String], segments: &[String]) -> Option<Vec<String>> {
    let mut here = match segments.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => module.to_vec(),
        _ => return None,
    };
    for segment in segments {
        match segment.as_str() {
            "crate" | "self" => {}
            "super" => drop(here.pop()),
            name => here.push(name.to_owned()),
        }
    }
    Some(here)
}
