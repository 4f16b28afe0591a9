//! The parser: tokens to [`Expr`], by precedence climbing (Pratt).
//!
//! From loose to tight: `?:`, `||`, `&&`, comparisons and `in` (they do not chain), `+ -`, `* / %`, `! -`, `. ()`.

#![expect(clippy::indexing_slicing, reason = "the cursor never passes the end token")]

use std::ops::Range;

use super::syntax::{Binary, Expr, ExprKind, MAX_DEPTH, Word};
use super::token::{Token, TokenKind, tokens};
use super::{Comparison, Complaint, Operator};

/// Brackets and prefixes within each other; keeps the parser's own stack small.
const MAX_NESTING: usize = 100;

const COMPARISON: u8 = 3;
const PREFIX: u8 = 6;

/// Parses a whole source.
pub(super) fn parse(source: &str) -> Result<Expr, Complaint> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0, nesting: 0 };
    if parser.token().kind == TokenKind::End {
        return Err(Complaint::new(&(0..source.len()), "The expression is empty."));
    }
    let expr = parser.expression()?;
    match parser.token().kind {
        TokenKind::End => Ok(expr),
        _ => Err(parser.leftover()),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    nesting: usize,
}

/// What an operator between two sides makes.
enum Infix {
    And,
    Or,
    Two(Binary),
}

impl Parser {
    fn token(&self) -> &Token {
        &self.tokens[self.at]
    }

    fn advance(&mut self) -> Token {
        let token = self.token().clone();
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        token
    }

    fn sees(&self, sign: &str) -> bool {
        matches!(self.token().kind, TokenKind::Sign(seen) if seen == sign)
    }

    fn accept(&mut self, sign: &str) -> bool {
        let seen = self.sees(sign);
        self.at += usize::from(seen);
        seen
    }

    fn expect(&mut self, sign: &str, what: &str) -> Result<Range<usize>, Complaint> {
        if self.sees(sign) {
            return Ok(self.advance().span);
        }
        Err(Complaint::new(&self.token().span, format!("Expected `{sign}` {what}.")))
    }

    /// `c ? a : b`, right to left, and everything tighter.
    fn expression(&mut self) -> Result<Expr, Complaint> {
        self.nested(|parser| {
            let condition = parser.operators(0)?;
            if !parser.accept("?") {
                return Ok(condition);
            }
            let yes = parser.expression()?;
            parser.expect(":", "and the other value of `? :`")?;
            let no = parser.expression()?;
            let span = condition.span.start..no.span.end;
            node(ExprKind::If(Box::new([condition, yes, no])), span)
        })
    }

    fn nested(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<Expr, Complaint>,
    ) -> Result<Expr, Complaint> {
        if self.nesting == MAX_NESTING {
            return Err(too_deep(&self.token().span));
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    fn operators(&mut self, least: u8) -> Result<Expr, Complaint> {
        let mut left = self.prefix()?;
        while let Some((power, infix)) = self.infix().filter(|(power, _)| *power >= least) {
            self.advance();
            let right = self.nested(|parser| parser.operators(power + 1))?;
            left = join(infix, left, right)?;
            if power == COMPARISON && self.infix().is_some_and(|(next, _)| next == COMPARISON) {
                return Err(Complaint::new(&self.token().span, "Comparisons do not chain.")
                    .hint("Write `a < b && b < c`, or put one of them in parentheses."));
            }
        }
        Ok(left)
    }

    /// The operator at the cursor and how tightly it binds.
    fn infix(&self) -> Option<(u8, Infix)> {
        let compare = |comparison| Some((COMPARISON, Infix::Two(Binary::Compare(comparison))));
        let calculate = |power, operator| Some((power, Infix::Two(Binary::Arithmetic(operator))));
        match &self.token().kind {
            TokenKind::Name(name) if name == "in" => Some((COMPARISON, Infix::Two(Binary::In))),
            TokenKind::Sign(sign) => match *sign {
                "||" => Some((1, Infix::Or)),
                "&&" => Some((2, Infix::And)),
                "==" => compare(Comparison::Equal),
                "!=" => compare(Comparison::NotEqual),
                "<" => compare(Comparison::Less),
                "<=" => compare(Comparison::LessOrEqual),
                ">" => compare(Comparison::Greater),
                ">=" => compare(Comparison::GreaterOrEqual),
                "+" => calculate(4, Operator::Add),
                "-" => calculate(4, Operator::Subtract),
                "*" => calculate(5, Operator::Multiply),
                "/" => calculate(5, Operator::Divide),
                "%" => calculate(5, Operator::Remainder),
                _ => None,
            },
            _ => None,
        }
    }

    fn prefix(&mut self) -> Result<Expr, Complaint> {
        let start = self.token().span.start;
        let make: fn(Box<Expr>) -> ExprKind = match self.token().kind {
            TokenKind::Sign("!") => ExprKind::Not,
            TokenKind::Sign("-") => ExprKind::Negate,
            _ => return self.postfix(),
        };
        self.advance();
        let operand = self.nested(|parser| parser.operators(PREFIX))?;
        let span = start..operand.span.end;
        node(make(Box::new(operand)), span)
    }

    fn postfix(&mut self) -> Result<Expr, Complaint> {
        let mut expr = self.primary()?;
        while self.accept(".") {
            let word = self.word()?;
            expr = if self.sees("(") {
                let start = expr.span.start;
                let arguments = self.arguments(")")?;
                let span = start..self.tokens[self.at - 1].span.end;
                node(ExprKind::Call(Some(Box::new(expr)), word, arguments), span)?
            } else {
                step(expr, word)?
            };
        }
        if self.sees("[") {
            return Err(Complaint::new(&self.token().span, "Lists have no places to pick from.")
                .hint("Use `in`, `.exists(…)` or `.size()`."));
        }
        Ok(expr)
    }

    fn word(&mut self) -> Result<Word, Complaint> {
        match self.advance() {
            Token { kind: TokenKind::Name(text), span } => Ok(Word { text, span }),
            Token { span, .. } => Err(Complaint::new(&span, "Expected a name after the point.")),
        }
    }

    /// The parts between brackets; the cursor stands on the opening one.
    fn arguments(&mut self, close: &str) -> Result<Vec<Expr>, Complaint> {
        self.advance();
        let mut arguments = Vec::new();
        while !self.accept(close) {
            arguments.push(self.expression()?);
            if !self.accept(",") {
                self.expect(close, "or a comma")?;
                break;
            }
        }
        Ok(arguments)
    }

    fn primary(&mut self) -> Result<Expr, Complaint> {
        let Token { kind, span } = self.token().clone();
        let leaf = |kind| node(kind, span.clone());
        match kind {
            TokenKind::Sign("(") => {
                self.advance();
                let inner = self.expression()?;
                let end = self.expect(")", "to close the parenthesis")?.end;
                Ok(Expr { span: span.start..end, ..inner })
            }
            TokenKind::Sign("[") => {
                let elements = self.arguments("]")?;
                let end = self.tokens[self.at - 1].span.end;
                node(ExprKind::List(elements), span.start..end)
            }
            TokenKind::Sign(_) | TokenKind::End => Err(self.missing()),
            TokenKind::Int(number) => self.take(leaf(ExprKind::Int(number))),
            TokenKind::Number(number, text) => self.take(leaf(ExprKind::Number(number, text))),
            TokenKind::Text(text) => self.take(leaf(ExprKind::Text(text))),
            TokenKind::Name(name) => self.name(name, span),
        }
    }

    fn take(&mut self, expr: Result<Expr, Complaint>) -> Result<Expr, Complaint> {
        self.advance();
        expr
    }

    fn name(&mut self, text: String, span: Range<usize>) -> Result<Expr, Complaint> {
        let kind = match text.as_str() {
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            "null" => ExprKind::Null,
            "in" => return Err(self.missing()),
            "not" => return Err(self.missing().hint("Not is written `!`.")),
            _ => ExprKind::Name(text.clone()),
        };
        self.advance();
        if !self.sees("(") {
            return node(kind, span);
        }
        let arguments = self.arguments(")")?;
        let end = self.tokens[self.at - 1].span.end;
        let word = Word { text, span: span.clone() };
        node(ExprKind::Call(None, word, arguments), span.start..end)
    }

    fn missing(&self) -> Complaint {
        let token = self.token();
        match &token.kind {
            TokenKind::End => Complaint::new(&token.span, "The expression ends where a value is expected."),
            TokenKind::Sign(sign) => {
                Complaint::new(&token.span, format!("Expected a value, and found `{sign}`."))
            }
            _ => Complaint::new(&token.span, "Expected a value."),
        }
    }

    fn leftover(&self) -> Complaint {
        let token = self.token();
        let complaint = Complaint::new(&token.span, "Expected an operator or the end.");
        match &token.kind {
            TokenKind::Name(name) if name.eq_ignore_ascii_case("and") => {
                complaint.hint("And is written `&&`.")
            }
            TokenKind::Name(name) if name.eq_ignore_ascii_case("or") => complaint.hint("Or is written `||`."),
            TokenKind::Sign(")") => Complaint::new(&token.span, "This `)` closes nothing."),
            _ => complaint,
        }
    }
}

fn step(base: Expr, word: Word) -> Result<Expr, Complaint> {
    let span = base.span.start..word.span.end;
    match base.kind {
        ExprKind::Path(inner, mut steps) => {
            steps.push(word);
            node(ExprKind::Path(inner, steps), span)
        }
        _ => node(ExprKind::Path(Box::new(base), vec![word]), span),
    }
}

/// Two sides to one; chains of `&&` and of `||` stay flat.
fn join(infix: Infix, left: Expr, right: Expr) -> Result<Expr, Complaint> {
    let span = left.span.start..right.span.end;
    let kind = match (infix, left.kind) {
        (Infix::And, ExprKind::And(mut parts)) => {
            parts.push(right);
            ExprKind::And(parts)
        }
        (Infix::Or, ExprKind::Or(mut parts)) => {
            parts.push(right);
            ExprKind::Or(parts)
        }
        (infix, kind) => {
            let left = Expr { kind, ..left };
            match infix {
                Infix::And => ExprKind::And(vec![left, right]),
                Infix::Or => ExprKind::Or(vec![left, right]),
                Infix::Two(binary) => ExprKind::Binary(binary, Box::new([left, right])),
            }
        }
    };
    node(kind, span)
}

fn node(kind: ExprKind, span: Range<usize>) -> Result<Expr, Complaint> {
    let below = kind.parts().iter().map(|part| part.depth).max().unwrap_or(0);
    if below >= MAX_DEPTH {
        return Err(too_deep(&span));
    }
    Ok(Expr { kind, span, depth: below + 1 })
}

fn too_deep(span: &Range<usize>) -> Complaint {
    Complaint::new(span, format!("An expression is at most {MAX_DEPTH} levels deep."))
        .hint("Move a part of it into a computed field.")
}
