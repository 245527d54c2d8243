//! The most that a call can cost, and how it is made to cost no more.

use crate::{
    Error,
    budget::{Budget, Ceiling, Unpriced},
    format::{Endpoint, Field, Losses, Reach},
    keys::PriceFactor,
    money::NanoUsd,
    price::{Billing, Price, Rates},
    service::{Cap, Routed},
    usage::{ServiceTerms, Tier},
};

/// What a call may write whose client sets no limit, in tokens: enough for nearly every answer.
const USUAL_OUTPUT: u64 = 16_384;

/// A limit that a client did not set is not made smaller than this: an answer that is cut short is worth little.
const LEAST_OUTPUT: u64 = 1_024;

/// Nor one that it did set, where a budget is hard.
const LEAST_HARD: u64 = 16;

/// What budgets want of a call, all of them together: the strictest word of each kind holds.
pub(super) struct Terms {
    hard: bool,
    max_output: Option<u64>,
    unpriced: Unpriced,
}

impl Terms {
    pub(super) fn of<'a>(budgets: impl Iterator<Item = &'a Budget>) -> Self {
        let none = Self { hard: false, max_output: None, unpriced: Unpriced::Flag };
        budgets.fold(none, |terms, budget| Self {
            hard: terms.hard || budget.hard,
            max_output: [terms.max_output, budget.max_output.map(u64::from)].into_iter().flatten().min(),
            unpriced: stricter(terms.unpriced, unpriced(budget)),
        })
    }
}

/// What a hard budget does not know, it can not keep.
fn unpriced(budget: &Budget) -> Unpriced {
    if budget.hard && budget.unpriced == Unpriced::Flag { Unpriced::Refuse } else { budget.unpriced }
}

fn stricter(one: Unpriced, other: Unpriced) -> Unpriced {
    match (one, other) {
        (Unpriced::Refuse, _) | (_, Unpriced::Refuse) => Unpriced::Refuse,
        (Unpriced::Ceiling(one), Unpriced::Ceiling(other)) => {
            let (input, output) = (one.input.max(other.input), one.output.max(other.output));
            Unpriced::Ceiling(Ceiling { input, output })
        }
        (Unpriced::Ceiling(ceiling), Unpriced::Flag) | (Unpriced::Flag, Unpriced::Ceiling(ceiling)) => {
            Unpriced::Ceiling(ceiling)
        }
        (Unpriced::Flag, Unpriced::Flag) => Unpriced::Flag,
    }
}

/// What a call asks of a budget.
pub(super) struct Quote {
    /// The most that it can cost.
    pub(super) worst: NanoUsd,
    /// The same, cut as short as makes sense.
    pub(super) least: NanoUsd,
    /// Keys that it may not be sent to, by their places in the plan: nobody knows what it would cost there.
    pub(super) barred: Vec<usize>,
    /// What stands for the price of what has none.
    pub(super) ceiling: Option<Price>,
    reach: Reach,
    /// The most tokens of output, and whether that can be put into the request.
    output: u64,
    is_ours: bool,
    /// On which terms it may be served.
    terms: Vec<ServiceTerms>,
    tariffs: Vec<Tariff>,
}

/// What it costs at some of the keys.
#[derive(PartialEq)]
struct Tariff {
    provider: String,
    model: String,
    factor: PriceFactor,
    price: Price,
    input: u64,
}

impl Quote {
    /// What `routed` can cost. `None`: nothing.
    ///
    /// # Errors
    /// When that has no bound and has to have one, or nobody knows its price.
    pub(super) fn of(routed: &Routed, terms: &Terms) -> Result<Option<Self>, Error> {
        let ask = &routed.call.ask;
        if !ask.is_paid() {
            return Ok(None);
        }
        if ask.model.is_empty() {
            // Lists and files; what has a price names its model, but for uploads, in which nobody looks for it.
            let is_upload = routed.call.head.method == http::Method::POST;
            return if is_upload && terms.hard { Err(boundless()) } else { Ok(None) };
        }
        let reach = Reach::of(ask.format, &routed.call.body);
        if terms.hard && (reach.is_endless || has_no_limit(routed)) {
            return Err(boundless());
        }
        Self::make(routed, terms, reach).map(Some)
    }

    fn make(routed: &Routed, terms: &Terms, reach: Reach) -> Result<Self, Error> {
        let ceiling = match terms.unpriced {
            Unpriced::Ceiling(Ceiling { input, output }) => Some(Price::flat("ceiling", Rates::plain(input, output))),
            Unpriced::Refuse | Unpriced::Flag => None,
        };
        let (tariffs, barred) = tariffs(routed, terms, &reach, ceiling.as_ref());
        if barred.len() == routed.plan.seats().len() {
            let model = &routed.call.ask.model;
            let message =
                format!("nobody knows what `{model}` costs, and the budget of this client token refuses that");
            return Err(Error::forbidden(message).with_code("price_unknown"));
        }
        let is_ours = routed.call.ask.endpoint.is_translatable();
        let known = tariffs.iter().filter_map(|tariff| tariff.price.max_output).min().unwrap_or(u64::MAX);
        let usual = terms.max_output.unwrap_or(USUAL_OUTPUT).min(known).max(1);
        let output = reach.max_output.unwrap_or(usual);
        let zero = NanoUsd::ZERO;
        let on = possible(routed.call.ask.terms, terms.hard);
        let mut quote = Self { worst: zero, least: zero, barred, ceiling, reach, output, is_ours, terms: on, tariffs };
        quote.worst = quote.cost(output);
        quote.least = quote.cost(quote.least_output(terms));
        Ok(quote)
    }

    /// The least output that is worth asking for.
    fn least_output(&self, terms: &Terms) -> u64 {
        let floor = match self.reach.max_output {
            _ if !self.is_ours => return self.output,
            Some(_) if !terms.hard => return self.output,
            Some(_) => LEAST_HARD,
            None => LEAST_OUTPUT,
        };
        // What is to be thought has to fit in, and something beside it.
        floor.max(self.reach.thinking.saturating_add(LEAST_HARD)).min(self.output)
    }

    /// The most that it can cost with so much output, wherever it is sent.
    fn cost(&self, output: u64) -> NanoUsd {
        let output = output.saturating_mul(self.reach.choices);
        let on = |at: &Tariff, terms| at.price.worst(at.input, output, Billing { factor: at.factor, terms, at: None });
        let worst = self.tariffs.iter().flat_map(|at| self.terms.iter().map(move |terms| on(at, *terms)));
        worst.map(|cost| cost.unwrap_or(NanoUsd(i64::MAX))).max().unwrap_or_default()
    }

    /// The limit of output that keeps the call within `amount`. `None`: it sets one itself.
    pub(super) fn cap(self, routed: &Routed, amount: NanoUsd) -> Option<Box<Cap>> {
        let tokens = if amount >= self.worst { self.output } else { self.fitting(amount) };
        if !self.is_ours || self.reach.max_output == Some(tokens) {
            return None;
        }
        let mut told = Losses::new(routed.call.ask.format);
        let why = if amount >= self.worst { "limited" } else { "cut short" };
        // Only a strict report refuses what it is told.
        let _ = told.adjusted(Field::MaxOutput, format!("{why} to {tokens} by the budget"));
        Some(Box::new(Cap { tokens, reach: self.reach, told }))
    }

    /// The most output that costs no more than `amount`.
    fn fitting(&self, amount: NanoUsd) -> u64 {
        let (mut fits, mut too_much) = (0, self.output);
        while fits + 1 < too_much {
            let middle = fits + (too_much - fits) / 2;
            if self.cost(middle) <= amount { fits = middle } else { too_much = middle }
        }
        fits.max(1)
    }
}

/// On which terms a call may be served that asks for `asked`.
///
/// Who does not ask for a tier gets the one that its provider's console says, and may run where that says: a hard budget
/// reckons with the dearest.
fn possible(asked: ServiceTerms, hard: bool) -> Vec<ServiceTerms> {
    let asked = if hard { ServiceTerms { us: Some(asked.us.unwrap_or(true)), ..asked } } else { asked };
    let dearest = ServiceTerms { tier: Some(Tier::Priority), ..asked };
    if hard && asked.tier.is_none() { vec![asked, dearest] } else { vec![asked] }
}

/// What the call costs at each key, alike ones once, and where nobody knows.
fn tariffs(routed: &Routed, terms: &Terms, reach: &Reach, ceiling: Option<&Price>) -> (Vec<Tariff>, Vec<usize>) {
    let (mut tariffs, mut barred) = (Vec::<Tariff>::new(), Vec::new());
    for (at, seat) in routed.plan.seats().iter().enumerate() {
        let (provider, model) = (&seat.key.provider.id, seat.model(&routed.call.ask.model));
        let factor = seat.key.key.spec.price_factor;
        let is_alike = |known: &Tariff| known.provider == *provider && known.model == model && known.factor == factor;
        if tariffs.iter().any(is_alike) {
            continue;
        }
        let found = routed.catalog.prices().find_at(provider, model, routed.call.received).map(|price| (price, factor));
        match found.or(ceiling.map(|price| (price, PriceFactor::ONE))) {
            Some((price, factor)) => {
                let (provider, model) = (provider.clone(), model.to_owned());
                let input = reach.input(price.window);
                tariffs.push(Tariff { provider, model, factor, price: price.clone(), input });
            }
            None if terms.unpriced == Unpriced::Refuse => barred.push(at),
            None => {}
        }
    }
    (tariffs, barred)
}

/// Whether the upstream's endpoint is one whose output nobody can limit.
fn has_no_limit(routed: &Routed) -> bool {
    let path = routed.call.head.uri.path();
    let is_bounded = ["/v1/embeddings", "/v1/moderations"].contains(&path.trim_end_matches('/'));
    routed.call.ask.endpoint == Endpoint::Opaque && !is_bounded
}

fn boundless() -> Error {
    let message = "this call has no bound on what it can cost, and the budget of this client token is a hard one";
    Error::forbidden(message).with_code("cost_unbounded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hard_budget_reckons_with_the_dearest_terms_and_others_with_those_that_are_asked_for() {
        let check = |asked: &str, hard, expected: &[&str]| {
            let terms: Vec<_> = possible(asked.parse().unwrap(), hard).into_iter().map(ServiceTerms::as_str).collect();
            assert_eq!(terms, expected, "{asked} {hard}");
        };
        check("", false, &[""]);
        check("flex", false, &["flex"]);
        check("priority+us", false, &["priority+us"]);
        check("", true, &["us", "priority+us"]);
        check("flex", true, &["flex+us"]);
        let here = ServiceTerms { us: Some(false), tier: Some(Tier::Standard), fast: None };
        assert_eq!(possible(here, true), [here]);
    }
}
