//! The one literal of a bundle. A strict reader of what a minifier makes of JSON: bare keys, `!0` and `!1`,
//! `.5`. Anything else, a call above all, is an error; nothing is executed.

use serde_json::{Map, Value};

const EXPORTS: &str = ".exports=";
const DEPTH_MAX: usize = 64;

/// The value that the bundle exports: the only `….exports=` before an object or a string.
pub(super) fn exported(bundle: &str) -> Result<Value, String> {
    let literals = bundle.match_indices(EXPORTS).filter_map(|(at, _)| {
        let rest = &bundle[at + EXPORTS.len()..];
        rest.starts_with(['{', '"']).then_some(rest)
    });
    let mut found = None;
    let mut end = 0;
    for rest in literals {
        // What looks like an export inside the literal is text of it.
        let start = bundle.len() - rest.len();
        if start < end {
            continue;
        }
        if found.is_some() {
            return Err("it exports more than one literal".into());
        }
        let mut reader = Reader { text: rest, at: 0 };
        found = Some(reader.value(0)?);
        if !matches!(reader.peek(), Some(b'}' | b';')) {
            return Err(reader.odd());
        }
        end = start + reader.at;
    }
    found.ok_or_else(|| "it exports no literal".into())
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn odd(&self) -> String {
        let end = self.text.len().min(self.at + 20);
        let here = String::from_utf8_lossy(&self.text.as_bytes()[self.at.min(end)..end]);
        format!("“{here}” at {} is no part of a literal", self.at)
    }

    fn take(&mut self, word: &str) -> bool {
        let there = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += if there { word.len() } else { 0 };
        there
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err("it is nested too deeply".into());
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Value::String),
            Some(b'0'..=b'9' | b'.' | b'-') => self.number(),
            _ if self.take("!0") => Ok(Value::Bool(true)),
            _ if self.take("!1") => Ok(Value::Bool(false)),
            _ if self.take("null") => Ok(Value::Null),
            _ => Err(self.odd()),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut map = Map::new();
        while !self.take("}") {
            if !map.is_empty() && !self.take(",") {
                return Err(self.odd());
            }
            let key = self.key()?;
            if !self.take(":") {
                return Err(self.odd());
            }
            let value = self.value(depth + 1)?;
            if map.insert(key, value).is_some() {
                return Err("a key stands twice in one object".into());
            }
        }
        Ok(Value::Object(map))
    }

    fn array(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut values = Vec::new();
        while !self.take("]") {
            if !values.is_empty() && !self.take(",") {
                return Err(self.odd());
            }
            values.push(self.value(depth + 1)?);
        }
        Ok(Value::Array(values))
    }

    fn key(&mut self) -> Result<String, String> {
        if self.peek() == Some(b'"') {
            return self.string();
        }
        let word = self.while_in(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'$');
        if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.odd());
        }
        Ok(word.to_owned())
    }

    fn while_in(&mut self, fits: impl Fn(u8) -> bool) -> &'a str {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().position(|b| !fits(*b)).unwrap_or(rest.len());
        // ASCII only, so the cut stands between characters.
        let word = &self.text[self.at..self.at + length];
        self.at += length;
        word
    }

    /// Only what JSON escapes, and few of those are met.
    fn string(&mut self) -> Result<String, String> {
        let rest = &self.text.as_bytes()[self.at..];
        let mut length = 1;
        loop {
            match rest.get(length) {
                Some(b'"') => break,
                Some(b'\\') => length += 2,
                Some(_) => length += 1,
                None => return Err("a string does not end".into()),
            }
        }
        let quoted = self.text.get(self.at..=self.at + length).ok_or_else(|| self.odd())?;
        self.at += length + 1;
        serde_json::from_str(quoted).map_err(|e| format!("a string cannot be read: {e}"))
    }

    fn number(&mut self) -> Result<Value, String> {
        let word = self.while_in(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e'));
        let number: f64 = word.parse().map_err(|_| format!("“{word}” is no number"))?;
        // A minifier writes 1000 as 1e3.
        let whole = number.fract() == 0.0 && number.abs() < 9e15;
        if whole {
            return Ok(Value::from(number as i64));
        }
        serde_json::Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| format!("“{word}” is too large"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn bundle(literal: &str) -> String {
        format!(
            "!function(t){{module.exports=t()}}(function(){{return {{1:[function(t,e,n){{e.exports={literal}}},{{}}]}}}});"
        )
    }

    #[test]
    fn what_a_minifier_makes_of_json_is_read() {
        let text = bundle(r#"{a:!0,b:!1,c:null,d:[.5,-.5,1e3,-2,1e-3,12],"e-f":"x\"y.exports={","$g_1":{}}"#);
        let value = json!({"a": true, "b": false, "c": null, "d": [0.5, -0.5, 1000, -2, 0.001, 12],
            "e-f": "x\"y.exports={", "$g_1": {}});
        assert_eq!(exported(&text), Ok(value));
        assert_eq!(exported(&bundle(r#""QUJD""#)), Ok(json!("QUJD")));
    }

    #[test]
    fn a_program_is_no_literal() {
        for literal in [
            "{a:alert(1)}",
            "{a:1+1}",
            "{get a(){return 1}}",
            "{a:`x`}",
            "{a:'x'}",
            "{a:/x/}",
            "{a:undefined}",
            "{a:0x10}",
            "{a:NaN}",
            "{a:function(){}}",
            "[1]",
            "{a:1,}",
            "{,}",
            "{a:1 }",
            "{a:1",
            "\"abc",
            "{1:2}",
            "{a:1,a:2}",
            "{a:1}(1)",
            "{a:1}+x",
            "{a:!2}",
            "{a:--1}",
        ] {
            assert!(exported(&bundle(literal)).is_err(), "{literal}");
        }
        assert!(exported("").is_err());
        assert!(exported("e.exports={};e.exports={};").is_err());
        assert!(exported(&bundle(&format!("{{a:{}{}}}", "[".repeat(100), "]".repeat(100)))).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = exported(&bundle(&text));
            let _ = exported(&bundle(&format!("{{{text}}}")));
            let _ = exported(&bundle(&format!("\"{text}")));
        }
    }
}
