//! What is printed reads back as the same expression, and no input makes the parser fail otherwise than by complaint.

use std::fmt::Write as _;

use mains_base::{MAX_INTEGER, nfc};
use proptest::prelude::*;

use super::parse::parse;
use super::syntax::{Binary, Expr, ExprKind, MAX_DEPTH, Word};
use super::{Comparison, Operator};

/// The expression with every part in parentheses that may need them.
fn print(expr: &Expr, out: &mut String) {
    match &expr.kind {
        ExprKind::Null => out.push_str("null"),
        ExprKind::Bool(truth) => write!(out, "{truth}").unwrap(),
        ExprKind::Int(number) => write!(out, "{number}").unwrap(),
        ExprKind::Number(_, text) => out.push_str(text),
        ExprKind::Text(text) => quoted(text, out),
        ExprKind::List(items) => listed('[', items, ']', out),
        ExprKind::Name(name) => out.push_str(name),
        ExprKind::Path(base, steps) => {
            part(base, out);
            for step in steps {
                write!(out, ".{}", step.text).unwrap();
            }
        }
        ExprKind::Call(target, word, arguments) => {
            if let Some(target) = target {
                part(target, out);
                out.push('.');
            }
            out.push_str(&word.text);
            listed('(', arguments, ')', out);
        }
        ExprKind::Not(inner) => prefixed("!", inner, out),
        ExprKind::Negate(inner) => prefixed("-", inner, out),
        ExprKind::Binary(binary, sides) => joined(sign(*binary), sides.as_slice(), out),
        ExprKind::And(parts) => joined("&&", parts, out),
        ExprKind::Or(parts) => joined("||", parts, out),
        ExprKind::If(parts) => {
            let [condition, yes, no] = parts.as_ref();
            part(condition, out);
            out.push_str(" ? ");
            part(yes, out);
            out.push_str(" : ");
            part(no, out);
        }
    }
}

fn sign(binary: Binary) -> &'static str {
    super::check::sign(binary)
}

fn part(expr: &Expr, out: &mut String) {
    out.push('(');
    print(expr, out);
    out.push(')');
}

fn prefixed(sign: &str, inner: &Expr, out: &mut String) {
    out.push_str(sign);
    part(inner, out);
}

fn joined(sign: &str, parts: &[Expr], out: &mut String) {
    for (place, one) in parts.iter().enumerate() {
        if place > 0 {
            write!(out, " {sign} ").unwrap();
        }
        part(one, out);
    }
}

fn listed(open: char, items: &[Expr], close: char, out: &mut String) {
    out.push(open);
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push_str(", ");
        }
        print(item, out);
    }
    out.push(close);
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => write!(out, "\\{letter}").unwrap(),
            _ if letter.is_control() => write!(out, "\\U{:08x}", u32::from(letter)).unwrap(),
            _ => out.push(letter),
        }
    }
    out.push('"');
}

/// Without places, so that two expressions compare by what they say.
fn bare(expr: &mut Expr) {
    expr.span = 0..0;
    let words = |word: &mut Word| word.span = 0..0;
    match &mut expr.kind {
        ExprKind::List(parts) | ExprKind::And(parts) | ExprKind::Or(parts) => parts.iter_mut().for_each(bare),
        ExprKind::Path(base, steps) => {
            bare(base);
            steps.iter_mut().for_each(words);
        }
        ExprKind::Call(target, word, arguments) => {
            if let Some(target) = target {
                bare(target);
            }
            words(word);
            arguments.iter_mut().for_each(bare);
        }
        ExprKind::Not(inner) | ExprKind::Negate(inner) => bare(inner),
        ExprKind::Binary(_, sides) => sides.iter_mut().for_each(bare),
        ExprKind::If(parts) => parts.iter_mut().for_each(bare),
        _ => {}
    }
}

fn made(kind: ExprKind) -> Expr {
    let depth = 1 + kind.parts().iter().map(|part| part.depth).max().unwrap_or(0);
    Expr { kind, span: 0..0, depth }
}

fn word(text: String) -> Word {
    Word { text, span: 0..0 }
}

fn name() -> impl Strategy<Value = String> {
    "[a-z_][a-z0-9_]{0,5}".prop_filter("a word with a meaning", |name| {
        !["true", "false", "null", "in", "not"].contains(&name.as_str())
    })
}

fn leaf() -> impl Strategy<Value = Expr> {
    prop_oneof![
        Just(ExprKind::Null),
        any::<bool>().prop_map(ExprKind::Bool),
        (0..=MAX_INTEGER).prop_map(ExprKind::Int),
        "[0-9]{1,4}\\.[0-9]{1,4}(e-?[0-9]{1,2})?"
            .prop_map(|text| ExprKind::Number(text.parse().unwrap(), text)),
        "[^\u{0}]{0,8}".prop_map(|text| ExprKind::Text(nfc(&text))),
        name().prop_map(ExprKind::Name),
    ]
    .prop_map(made)
}

fn binary() -> impl Strategy<Value = Binary> {
    prop_oneof![
        Just(Binary::In),
        Just(Binary::Compare(Comparison::Equal)),
        Just(Binary::Compare(Comparison::GreaterOrEqual)),
        Just(Binary::Arithmetic(Operator::Subtract)),
        Just(Binary::Arithmetic(Operator::Remainder)),
    ]
}

fn not_and(expr: &Expr) -> bool {
    !matches!(expr.kind, ExprKind::And(_) | ExprKind::Or(_))
}

fn tree() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(6, 48, 4, |inner| {
        let flat = inner.clone().prop_filter("chains are flat", not_and);
        let many = prop::collection::vec(flat, 2..4);
        let boxed = || inner.clone().prop_map(Box::new);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(ExprKind::List),
            boxed().prop_map(ExprKind::Not),
            boxed().prop_map(ExprKind::Negate),
            many.clone().prop_map(ExprKind::And),
            many.prop_map(ExprKind::Or),
            (binary(), inner.clone(), inner.clone())
                .prop_map(|(binary, one, other)| ExprKind::Binary(binary, Box::new([one, other]))),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(one, two, three)| ExprKind::If(Box::new([one, two, three]))),
            (prop::option::of(boxed()), name(), prop::collection::vec(inner.clone(), 0..3))
                .prop_map(|(target, name, arguments)| ExprKind::Call(target, word(name), arguments)),
            (
                boxed().prop_filter("paths are flat", |base| !matches!(base.kind, ExprKind::Path(..))),
                prop::collection::vec(name().prop_map(word), 1..3)
            )
                .prop_map(|(base, steps)| ExprKind::Path(base, steps)),
        ]
        .prop_map(made)
    })
}

proptest! {
    #[test]
    fn printed_reads_back(expr in tree()) {
        prop_assume!(expr.depth <= MAX_DEPTH);
        let mut text = String::new();
        print(&expr, &mut text);
        prop_assume!(text.chars().count() <= 4_000);
        let mut read = parse(&text).unwrap_or_else(|complaint| panic!("{text}: {complaint}"));
        bare(&mut read);
        prop_assert_eq!(read, expr, "{}", text);
    }

    #[test]
    fn anything_is_read_or_refused(source in any::<String>()) {
        if let Err(complaint) = parse(&source) {
            prop_assert!(source.get(complaint.span).is_some());
        }
    }

    #[test]
    fn any_soup_is_read_or_refused(source in "([a-z]{1,2}|[0-9.]{1,3}|[-+*/%!<>=&|?:().,\\[\\]\" ]){0,40}") {
        if let Err(complaint) = parse(&source) {
            prop_assert!(source.get(complaint.span).is_some());
        }
    }
}

#[test]
fn depth_is_limited_and_chains_are_flat() {
    assert!(parse(&vec!["a"; 32].join(" + ")).is_ok());
    assert!(parse(&vec!["a"; 33].join(" + ")).is_err());
    assert!(parse(&vec!["a"; 500].join(" && ")).is_ok());
    assert!(parse(&format!("{}a{}", "(".repeat(40), ")".repeat(40))).is_ok());
    assert!(parse(&format!("{}a{}", "(".repeat(1_900), ")".repeat(1_900))).is_err());
    assert!(parse(&"!".repeat(3_999)).is_err());
    assert!(parse(&"a".repeat(4_001)).is_err());
}

#[test]
fn precedence_is_that_of_cel() {
    let whole = |source: &str| {
        let mut text = String::new();
        print(&parse(source).unwrap(), &mut text);
        text
    };
    assert_eq!(whole("a || b && c == d + e * -f"), "(a) || ((b) && ((c) == ((d) + ((e) * (-(f))))))");
    assert_eq!(whole("a ? b : c ? d : e"), "(a) ? (b) : ((c) ? (d) : (e))");
    assert_eq!(whole("!a.b.c(d) in e"), "(!(((a).b).c(d))) in (e)");
    assert_eq!(whole("a - b - c"), "((a) - (b)) - (c)");
}

#[test]
fn mistakes_are_named() {
    let said = |source: &str| parse(source).unwrap_err().to_string();
    assert_eq!(said("a = b"), "`=` compares nothing. Equality is written `==`.");
    assert_eq!(said("a and b"), "Expected an operator or the end. And is written `&&`.");
    assert_eq!(said("a &&"), "The expression ends where a value is expected.");
    assert_eq!(said("(a"), "Expected `)` to close the parenthesis.");
    assert_eq!(said("a)"), "This `)` closes nothing.");
    assert_eq!(said("\"a"), "This text has no closing \".");
    assert_eq!(said("a[0]"), "Lists have no places to pick from. Use `in`, `.exists(…)` or `.size()`.");
    assert_eq!(said(""), "The expression is empty.");
}
