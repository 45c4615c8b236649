//! A decoder of payloads for penstock, as a WebAssembly module:
//!
//!     rustc --edition 2021 --target wasm32-unknown-unknown -O -C strip=symbols \
//!         --crate-type cdylib -o pairs.wasm pairs.rs
//!
//! It makes JSON of values such as `user=ann;ms=12;path=/a b`: numbers that JSON can write become
//! numbers, all else a text. A value with a part that has no `=`, or that is no UTF-8, goes to the
//! dead letter. The interface is in buffer/record/wasm/doc.go; as a filter the module works too.

use std::cell::RefCell;
use std::fmt::Write;

const NULL: u32 = 0xffff_ffff;
const REPLACE: u8 = 1;
const REFUSE: u8 = 3;

thread_local! {
    static BATCH: RefCell<Vec<u8>> = RefCell::new(Vec::new());
    static ANSWER: RefCell<Vec<u8>> = RefCell::new(Vec::new());
}

#[no_mangle]
pub extern "C" fn alloc_batch(size: u32) -> *mut u8 {
    BATCH.with(|b| {
        let mut b = b.borrow_mut();
        b.resize(size as usize, 0);
        b.as_mut_ptr()
    })
}

#[no_mangle]
pub extern "C" fn process_batch(_at: u32, size: u32) -> u64 {
    BATCH.with(|b| {
        ANSWER.with(|a| {
            let mut answer = a.borrow_mut();
            answer.clear();
            decode_batch(&b.borrow()[..size as usize], &mut answer);
            (answer.as_ptr() as u64) << 32 | answer.len() as u64
        })
    })
}

fn decode_batch(batch: &[u8], answer: &mut Vec<u8>) {
    let mut r = Reader { rest: batch };
    let records = r.u32();
    r.bytes(); // tag
    r.bytes(); // origin
    for _ in 0..records {
        let head = r.rest;
        r.take(8); // time
        r.bytes(); // key
        let head = &head[..head.len() - r.rest.len()];
        let value = r.bytes();
        let tail = r.rest;
        for _ in 0..r.u32() {
            r.bytes();
            r.bytes();
        }
        let tail = &tail[..tail.len() - r.rest.len()]; // headers
        match to_json(value) {
            Ok(json) => {
                answer.push(REPLACE);
                answer.extend_from_slice(head);
                put(answer, json.as_bytes());
                answer.extend_from_slice(tail);
            }
            Err(why) => {
                answer.push(REFUSE);
                put(answer, why.as_bytes());
            }
        }
    }
}

fn to_json(value: Option<&[u8]>) -> Result<String, &'static str> {
    let text = std::str::from_utf8(value.ok_or("there is no value")?).map_err(|_| "not UTF-8")?;
    let mut out = String::with_capacity(2 * text.len() + 2);
    out.push('{');
    for (i, pair) in text.split(';').enumerate() {
        let (name, value) = pair.split_once('=').ok_or("a part has no =")?;
        if i > 0 {
            out.push(',');
        }
        quote(&mut out, name);
        out.push(':');
        if is_number(value) {
            out.push_str(value);
        } else {
            quote(&mut out, value);
        }
    }
    out.push('}');
    Ok(out)
}

/// Whole numbers as JSON writes them, and such with a fraction.
fn is_number(text: &str) -> bool {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (text, "0"),
    };
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && digits(fraction) && (whole == "0" || !whole.starts_with('0'))
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => write!(out, "\\u{:04x}", c as u32).unwrap(),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        let (out, rest) = self.rest.split_at(n);
        self.rest = rest;
        out
    }

    fn u32(&mut self) -> u32 {
        let b = self.take(4);
        u32::from_le_bytes([b[0], b[1], b[2], b[3]])
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        match self.u32() {
            NULL => None,
            n => Some(self.take(n as usize)),
        }
    }
}
