//! What the types of a handler say about its operation: each argument is a [`Part`], what it gives is an [`Answer`].

use std::{
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
};

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde_json::{Value, json};

use super::Schemas;
use crate::{
    access::{Peer, Who},
    admin::Problem,
};

/// What is known of an operation.
#[derive(Default)]
pub(crate) struct Operation {
    /// Of the query.
    pub(crate) parameters: Vec<Value>,
    /// What the named part of the path is.
    pub(super) place: Option<Value>,
    pub(super) body: Option<Value>,
    pub(super) answers: BTreeMap<u16, Value>,
    pub(super) problems: BTreeSet<u16>,
}

impl Operation {
    /// Takes a parameter of the query.
    pub(crate) fn takes_parameters(&mut self, parameters: Vec<Value>) {
        self.parameters.extend(parameters);
        self.can_fail([400]);
    }

    /// Is about what the path names.
    pub(crate) fn is_about(&mut self, schema: Value) {
        self.place = Some(schema);
        self.can_fail([404]);
    }

    /// Takes a body that is one of these kinds of content.
    pub(crate) fn takes_body(&mut self, content: &Value) {
        self.body = Some(json!({ "required": true, "content": content }));
        self.can_fail([400, 408, 413, 415]);
    }

    /// The same, and there need not be any.
    pub(crate) fn may_take_body(&mut self, content: &Value) {
        self.body = Some(json!({ "required": false, "content": content }));
        self.can_fail([400, 408, 413, 415]);
    }

    pub(crate) fn can_fail(&mut self, codes: impl IntoIterator<Item = u16>) {
        self.problems.extend(codes);
    }

    /// Answers so with one of these kinds of content.
    fn answers(&mut self, code: u16, about: &str, content: &Value) {
        self.answers.insert(code, json!({ "description": about, "content": content }));
    }
}

/// An argument of a handler.
pub(crate) trait Part {
    /// Says what it takes of a request.
    fn tell(schemas: &mut Schemas, operation: &mut Operation);
}

macro_rules! takes_nothing {
    ($($part:ty),*) => {$(
        impl Part for $part {
            fn tell(_: &mut Schemas, _: &mut Operation) {}
        }
    )*};
}

takes_nothing!(Who, Peer, HeaderMap, Request);

impl<T> Part for State<T> {
    fn tell(_: &mut Schemas, _: &mut Operation) {}
}

/// What a handler gives.
pub(crate) trait Answer {
    /// Says what it answers.
    fn tell(schemas: &mut Schemas, operation: &mut Operation);
}

impl<T: JsonSchema> Answer for Json<T> {
    fn tell(schemas: &mut Schemas, operation: &mut Operation) {
        operation.answers(200, "It is done.", &json_of::<T>(schemas));
    }
}

/// Something was made.
impl<T: JsonSchema> Answer for (StatusCode, Json<T>) {
    fn tell(schemas: &mut Schemas, operation: &mut Operation) {
        operation.answers(201, "It is made.", &json_of::<T>(schemas));
    }
}

/// Nothing is left to say.
impl Answer for StatusCode {
    fn tell(_: &mut Schemas, operation: &mut Operation) {
        operation.answers.insert(204, json!({ "description": "It is done." }));
    }
}

impl<T: Answer> Answer for Result<T, Problem> {
    fn tell(schemas: &mut Schemas, operation: &mut Operation) {
        T::tell(schemas, operation);
    }
}

fn json_of<T: JsonSchema>(schemas: &mut Schemas) -> Value {
    json!({ "application/json": { "schema": schemas.written::<T>() } })
}

/// A response made by hand that is a `T`.
pub(crate) struct As<T>(Response, PhantomData<T>);

impl<T> As<T> {
    pub(crate) fn new(response: Response) -> Self {
        Self(response, PhantomData)
    }
}

impl<T> IntoResponse for As<T> {
    fn into_response(self) -> Response {
        self.0
    }
}

impl<T: Answer> Answer for As<T> {
    fn tell(schemas: &mut Schemas, operation: &mut Operation) {
        T::tell(schemas, operation);
    }
}

/// Another place for a browser to go to.
pub(crate) struct Elsewhere;

impl Answer for Elsewhere {
    fn tell(_: &mut Schemas, operation: &mut Operation) {
        operation.answers.insert(303, json!({ "description": "Where to go on." }));
        operation.can_fail([404]);
    }
}

/// A table.
pub(crate) struct Csv;

impl Answer for Csv {
    fn tell(_: &mut Schemas, operation: &mut Operation) {
        operation.answers(200, "The table.", &json!({ "text/csv": { "schema": { "type": "string" } } }));
    }
}

/// Lines of text.
pub(crate) struct Plain;

impl Answer for Plain {
    fn tell(_: &mut Schemas, operation: &mut Operation) {
        operation.answers(200, "The text.", &json!({ "text/plain": { "schema": { "type": "string" } } }));
    }
}

/// A table, or the same as JSON.
pub(crate) struct Table<T>(PhantomData<T>);

impl<T: JsonSchema> Answer for Table<T> {
    fn tell(schemas: &mut Schemas, operation: &mut Operation) {
        let mut content = json_of::<T>(schemas);
        content["text/csv"] = json!({ "schema": { "type": "string" } });
        operation.answers(200, "All of it.", &content);
    }
}

/// Events whose data are each a `T`.
pub(crate) struct Events<T>(PhantomData<T>);

impl<T: JsonSchema> Answer for Events<T> {
    fn tell(schemas: &mut Schemas, operation: &mut Operation) {
        let data = schemas.written::<T>();
        let content = json!({ "text/event-stream": { "schema": { "type": "string" }, "x-data": data } });
        operation.answers(200, "Events as they come; the data of each is JSON.", &content);
    }
}

/// A page for people.
pub(crate) struct Page;

impl Answer for Page {
    fn tell(_: &mut Schemas, operation: &mut Operation) {
        operation.answers(200, "The page.", &json!({ "text/html": { "schema": { "type": "string" } } }));
    }
}

/// Whether the server serves, by its status.
pub(crate) struct Served<T>(PhantomData<T>);

impl<T: JsonSchema> Answer for Served<T> {
    fn tell(schemas: &mut Schemas, operation: &mut Operation) {
        let content = json_of::<T>(schemas);
        operation.answers(200, "It serves.", &content);
        operation.answers(503, "It does not serve now.", &content);
    }
}

/// This document.
pub(crate) struct Document;

impl Answer for Document {
    fn tell(_: &mut Schemas, operation: &mut Operation) {
        operation.answers(200, "The document.", &json!({ "application/json": { "schema": { "type": "object" } } }));
    }
}

/// A handler whose types tell its operation. `T` is what tells axum's handlers apart.
pub(crate) trait Told<T> {
    /// What it takes and gives.
    fn operation(schemas: &mut Schemas) -> Operation;
}

macro_rules! handlers {
    ($($marker:ident: ($($part:ident),*);)*) => {$(
        impl<F, Fut, Gives, $marker, $($part),*> Told<($marker, $($part,)*)> for F
        where
            F: FnOnce($($part),*) -> Fut,
            Fut: std::future::Future<Output = Gives>,
            Gives: Answer,
            $($part: Part,)*
        {
            #[allow(unused_mut)]
            fn operation(schemas: &mut Schemas) -> Operation {
                let mut operation = Operation::default();
                $($part::tell(schemas, &mut operation);)*
                Gives::tell(schemas, &mut operation);
                operation
            }
        }
    )*};
}

handlers! {
    M: ();
    M: (A);
    M: (A, B);
    M: (A, B, C);
    M: (A, B, C, D);
    M: (A, B, C, D, E);
    M: (A, B, C, D, E, G);
}
