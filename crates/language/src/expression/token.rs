//! The lexer: an expression's text to tokens.

use std::ops::Range;

use mains_base::{MAX_INTEGER, has_nul, nfc};

use super::Complaint;

/// So many characters an expression may have.
pub(super) const MAX_CHARACTERS: usize = 4_000;

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    Int(i64),
    /// With a point or an exponent: its value and how it is written.
    Number(f64, String),
    /// NFC.
    Text(String),
    Name(String),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// A token and its bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

/// Longer signs first.
const SIGNS: [&str; 22] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "?", ":", "+", "-", "*", "/", "%", "(", ")", "[", "]",
    ",", ".",
];

/// All tokens of the source, [`TokenKind::End`] last.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, Complaint> {
    if source.chars().count() > MAX_CHARACTERS {
        let message = format!("An expression has at most {MAX_CHARACTERS} characters.");
        return Err(
            Complaint::new(&(0..source.len()), message).hint("Move a part of it into a computed field.")
        );
    }
    let mut lexer = Lexer { source, at: 0 };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let end = token.kind == TokenKind::End;
        tokens.push(token);
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_while(&mut self, test: impl Fn(char) -> bool) {
        while let Some(next) = self.peek().filter(|&next| test(next)) {
            self.at += next.len_utf8();
        }
    }

    fn next(&mut self) -> Result<Token, Complaint> {
        self.skip_while(char::is_whitespace);
        let start = self.at;
        let kind = match self.peek() {
            None => TokenKind::End,
            Some(first) if first.is_ascii_digit() => self.number()?,
            Some(first) if first.is_ascii_alphabetic() || first == '_' => self.name(),
            Some(quote @ ('"' | '\'')) => self.text(quote)?,
            Some(first) => self.sign(first)?,
        };
        Ok(Token { kind, span: start..self.at })
    }

    fn name(&mut self) -> TokenKind {
        let start = self.at;
        self.skip_while(|next| next.is_ascii_alphanumeric() || next == '_');
        TokenKind::Name(self.source[start..self.at].to_owned())
    }

    fn sign(&mut self, first: char) -> Result<TokenKind, Complaint> {
        if let Some(sign) = SIGNS.iter().find(|sign| self.rest().starts_with(**sign)) {
            self.at += sign.len();
            return Ok(TokenKind::Sign(sign));
        }
        let span = self.at..self.at + first.len_utf8();
        let complaint = Complaint::new(&span, format!("`{first}` means nothing here."));
        Err(match first {
            '=' => Complaint::new(&span, "`=` compares nothing.").hint("Equality is written `==`."),
            '&' => complaint.hint("And is written `&&`."),
            '|' => complaint.hint("Or is written `||`."),
            '“' | '”' | '„' | '‘' | '’' => complaint.hint("Text stands in straight quotes: \"…\"."),
            _ => complaint,
        })
    }

    fn number(&mut self) -> Result<TokenKind, Complaint> {
        let start = self.at;
        self.skip_while(|next| next.is_ascii_digit());
        let mut whole = true;
        let mut after = self.rest().chars();
        if after.next() == Some('.') && after.next().is_some_and(|next| next.is_ascii_digit()) {
            whole = false;
            self.at += 1;
            self.skip_while(|next| next.is_ascii_digit());
        }
        if let Some(length) = exponent(self.rest()) {
            whole = false;
            self.at += length;
        }
        let span = start..self.at;
        let text = &self.source[span.clone()];
        if let Some(next) = self.peek().filter(|&next| next.is_alphanumeric() || next == '_') {
            let span = start..self.at + next.len_utf8();
            return Err(Complaint::new(&span, "A number ends where a letter begins.")
                .hint("Put an operator or a blank between them."));
        }
        if whole { integer(text, &span) } else { double(text, &span) }
    }

    fn text(&mut self, quote: char) -> Result<TokenKind, Complaint> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(next) = self.peek() else {
                return Err(Complaint::new(&(start..self.at), format!("This text has no closing {quote}.")));
            };
            self.at += next.len_utf8();
            match next {
                '\\' => text.push(self.escape()?),
                _ if next == quote => break,
                _ => text.push(next),
            }
        }
        if has_nul(&text) {
            return Err(Complaint::new(&(start..self.at), "A text cannot hold the character U+0000."));
        }
        Ok(TokenKind::Text(nfc(&text)))
    }

    fn escape(&mut self) -> Result<char, Complaint> {
        let start = self.at - 1;
        let letter = self.peek();
        self.at += letter.map_or(0, char::len_utf8);
        let decoded = match letter {
            Some(plain @ ('\\' | '"' | '\'')) => Some(plain),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('u') => self.hex(4),
            Some('U') => self.hex(8),
            _ => None,
        };
        let known = "Known are \\\\ \\\" \\' \\n \\r \\t \\uXXXX \\UXXXXXXXX.";
        decoded.ok_or_else(|| Complaint::new(&(start..self.at), "This escape is not known.").hint(known))
    }

    fn hex(&mut self, length: usize) -> Option<char> {
        let digits = self.rest().get(..length)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let decoded = u32::from_str_radix(digits, 16).ok().filter(|_| plain).and_then(char::from_u32)?;
        self.at += length;
        Some(decoded)
    }
}

/// The length of an exponent at the beginning of the text.
fn exponent(text: &str) -> Option<usize> {
    let rest = text.strip_prefix(['e', 'E'])?;
    let digits = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    let length = digits.len() - digits.trim_start_matches(|next: char| next.is_ascii_digit()).len();
    (length > 0).then(|| text.len() - digits.len() + length)
}

fn integer(text: &str, span: &Range<usize>) -> Result<TokenKind, Complaint> {
    let number = text.parse().ok().filter(|number| *number <= MAX_INTEGER);
    let message = format!("An integer is at most {MAX_INTEGER} (2⁵³−1), so that JSON carries it exactly.");
    number.map(TokenKind::Int).ok_or_else(|| Complaint::new(span, message))
}

fn double(text: &str, span: &Range<usize>) -> Result<TokenKind, Complaint> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    let large = || Complaint::new(span, "This number is too large for a double.");
    number.map(|number| TokenKind::Number(number, text.to_owned())).ok_or_else(large)
}
