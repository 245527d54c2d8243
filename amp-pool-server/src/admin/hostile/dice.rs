//! Chance that makes bad bodies of good ones.

use serde_json::{Map, Value, json};

/// Numbers that look as if they were thrown, and are the same each time.
pub(super) struct Dice(u64);

impl Dice {
    /// The same ones each time.
    pub(super) fn loaded() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides.max(1) as u64).unwrap()
    }

    fn odd_value(&mut self) -> Value {
        match self.roll(20) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(-1),
            3 => json!(0),
            4 => json!(u64::MAX),
            5 => json!(i64::MIN),
            6 => json!(1.5e308),
            7 => json!(0.1),
            8 => json!(""),
            9 => json!("x".repeat(1 + self.roll(70_000))),
            10 => json!("\0\u{feff}\u{202e}é\u{1f600}"),
            11 => json!("-0.000000001"),
            12 => json!("99999999999999999999.9999999999"),
            13 => json!("9999-12-31T23:59:60Z"),
            14 => json!("((((((((((a*)*)*)*)*)*)*)*)*)*"),
            15 => json!("http://[::ffff:169.254.169.254]:99999/\\..?#@"),
            16 => json!([[[[[[[[[[]]]]]]]]]]),
            17 => json!({"a": {"b": {"c": {}}}}),
            18 => json!(vec![json!("a"); self.roll(3_000)]),
            _ => json!("*".repeat(self.roll(300))),
        }
    }

    /// Changes something, somewhere.
    fn spoil(&mut self, value: &mut Value) {
        let here = self.roll(3) == 0;
        match value {
            Value::Object(fields) if !here && !fields.is_empty() => self.spoil_field(fields),
            Value::Array(items) if !here && !items.is_empty() => {
                let at = self.roll(items.len());
                match self.roll(4) {
                    0 => drop(items.remove(at)),
                    1 => items.push(items[at].clone()),
                    _ => self.spoil(&mut items[at]),
                }
            }
            Value::String(text) if self.roll(2) == 0 => {
                let at = self.roll(text.chars().count() + 1);
                let odd = ["\0", "\"", "é", "\r\n", " ", ",", "=", "://", "9", "^", "{base}", "*"][self.roll(12)];
                *text = text.chars().take(at).chain(odd.chars()).chain(text.chars().skip(at + self.roll(2))).collect();
            }
            other => *other = self.odd_value(),
        }
    }

    fn spoil_field(&mut self, fields: &mut Map<String, Value>) {
        let name = fields.keys().nth(self.roll(fields.len())).unwrap().clone();
        match self.roll(6) {
            0 => drop(fields.remove(&name)),
            1 => drop(fields.insert(format!("{name}{}", ["x", " ", "\0", "_id"][self.roll(4)]), self.odd_value())),
            _ => self.spoil(fields.get_mut(&name).unwrap()),
        }
    }

    /// `good`, spoiled.
    pub(super) fn body(&mut self, good: &Value) -> Vec<u8> {
        let mut value = good.clone();
        for _ in 0..=self.roll(4) {
            self.spoil(&mut value);
        }
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut bytes = text.into_bytes();
        if self.roll(4) == 0 && !bytes.is_empty() {
            let (at, byte) = (self.roll(bytes.len()), self.roll(256));
            bytes[at] = u8::try_from(byte).unwrap();
        }
        if self.roll(10) == 0 {
            bytes.truncate(self.roll(bytes.len() + 1));
        }
        bytes
    }
}
