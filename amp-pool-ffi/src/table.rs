//! Handles: numbers that stand for what lives here, so that a wrong one is an error and never a wild pointer.
//!
//! A handle has 52 bits, so that languages whose only numbers are doubles can hold it: the kind, the generation of its place,
//! the place. A place that is given again has another generation, so a handle that was freed never comes back as something
//! else; a place that has had all its generations is not given again.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use crate::status::{AMP_POOL_INVALID_HANDLE, AMP_POOL_TOO_MANY, AMP_POOL_WRONG_HANDLE, Failure};

const PLACE_BITS: u32 = 20;
const GENERATION_BITS: u32 = 28;
const PLACES: usize = 1 << PLACE_BITS;
const GENERATIONS: u32 = 1 << GENERATION_BITS;

/// Something that a handle can stand for.
pub(crate) trait Kind: Send + Sync + Sized + 'static {
    /// Its number in handles. Never 0.
    const NUMBER: u64;
    /// What people call it.
    const NAME: &'static str;
}

/// All handles of one kind.
pub(crate) struct Table<T> {
    places: Mutex<Places<T>>,
}

struct Places<T> {
    all: Vec<Place<T>>,
    free: Vec<usize>,
}

struct Place<T> {
    generation: u32,
    held: Option<Arc<Held<T>>>,
}

/// What a handle stands for, and whether a panic went through it.
pub(crate) struct Held<T> {
    value: T,
    is_spoilt: AtomicBool,
}

impl<T> Held<T> {
    /// Lends the value. When the borrower panics, nobody gets it any more.
    pub(crate) fn lend<R>(&self, borrower: impl FnOnce(&T) -> Result<R, Failure>) -> Result<R, Failure> {
        if self.is_spoilt.load(Ordering::Acquire) {
            return Err(Failure::panicked());
        }
        let spoils = Spoils(&self.is_spoilt);
        #[cfg(test)]
        crate::guard::strike::here(crate::guard::strike::At::Inside);
        let result = borrower(&self.value);
        std::mem::forget(spoils);
        result
    }
}

/// Notes that it was dropped, which happens only when a panic passes.
struct Spoils<'a>(&'a AtomicBool);

impl Drop for Spoils<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl<T: Kind> Table<T> {
    pub(crate) const fn new() -> Self {
        Self { places: Mutex::new(Places { all: Vec::new(), free: Vec::new() }) }
    }

    /// Keeps `value` and gives its handle.
    pub(crate) fn insert(&self, value: T) -> Result<u64, Failure> {
        let held = Some(Arc::new(Held { value, is_spoilt: AtomicBool::new(false) }));
        let mut places = self.lock();
        let Places { all, free } = &mut *places;
        let at = match free.pop() {
            Some(at) => at,
            None if all.len() < PLACES => {
                all.push(Place { generation: 0, held: None });
                all.len() - 1
            }
            None => {
                drop(places);
                return Err(Failure::new(AMP_POOL_TOO_MANY, format!("there are {PLACES} handles of a {}", T::NAME)));
            }
        };
        let Some(place) = all.get_mut(at) else { return Err(invalid::<T>()) };
        place.held = held;
        Ok(handle::<T>(place.generation, at))
    }

    /// What `handle` stands for. It lives on for who holds it, also when the handle is freed meanwhile.
    pub(crate) fn get(&self, handle: u64) -> Result<Arc<Held<T>>, Failure> {
        let (generation, at) = parts::<T>(handle)?;
        let places = self.lock();
        let place = places.all.get(at).filter(|place| place.generation == generation);
        place.and_then(|place| place.held.clone()).ok_or_else(invalid::<T>)
    }

    /// Ends `handle`. What it stood for ends when the caller drops it, outside of any lock.
    pub(crate) fn remove(&self, handle: u64) -> Result<Arc<Held<T>>, Failure> {
        let (generation, at) = parts::<T>(handle)?;
        let mut places = self.lock();
        let Places { all, free } = &mut *places;
        let place = all.get_mut(at).filter(|place| place.generation == generation).ok_or_else(invalid::<T>)?;
        let held = place.held.take().ok_or_else(invalid::<T>)?;
        place.generation += 1;
        if place.generation < GENERATIONS {
            free.push(at);
        }
        Ok(held)
    }

    fn lock(&self) -> MutexGuard<'_, Places<T>> {
        // Nothing in here panics between two steps that belong together.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn handle<T: Kind>(generation: u32, at: usize) -> u64 {
    T::NUMBER << (PLACE_BITS + GENERATION_BITS) | u64::from(generation) << PLACE_BITS | at as u64
}

fn parts<T: Kind>(handle: u64) -> Result<(u32, usize), Failure> {
    match handle >> (PLACE_BITS + GENERATION_BITS) {
        kind if kind == T::NUMBER => {}
        1..=3 => return Err(Failure::new(AMP_POOL_WRONG_HANDLE, format!("this is no handle of a {}", T::NAME))),
        _ => return Err(invalid::<T>()),
    }
    let low = |value: u64, bits: u32| value & ((1 << bits) - 1);
    let generation = u32::try_from(low(handle >> PLACE_BITS, GENERATION_BITS)).map_err(|_| invalid::<T>())?;
    let at = usize::try_from(low(handle, PLACE_BITS)).map_err(|_| invalid::<T>())?;
    Ok((generation, at))
}

fn invalid<T: Kind>() -> Failure {
    Failure::new(AMP_POOL_INVALID_HANDLE, format!("the {} of this handle was freed, or never was", T::NAME))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::AMP_POOL_PANICKED;

    struct Word(&'static str);
    impl Kind for Word {
        const NUMBER: u64 = 1;
        const NAME: &'static str = "word";
    }
    struct Other;
    impl Kind for Other {
        const NUMBER: u64 = 2;
        const NAME: &'static str = "other";
    }

    fn read(table: &Table<Word>, handle: u64) -> Result<&'static str, i32> {
        table.get(handle).and_then(|held| held.lend(|word| Ok(word.0))).map_err(|failure| failure.status)
    }

    #[test]
    fn a_handle_ends_with_what_it_stands_for_and_its_place_is_given_again_under_another() {
        let table = Table::new();
        let first = table.insert(Word("first")).unwrap();
        assert_eq!(read(&table, first), Ok("first"));
        assert!(table.remove(first).is_ok());
        assert_eq!(table.remove(first).err().map(|failure| failure.status), Some(AMP_POOL_INVALID_HANDLE));

        let second = table.insert(Word("second")).unwrap();
        assert_eq!(second & ((1 << PLACE_BITS) - 1), first & ((1 << PLACE_BITS) - 1), "the place is the same");
        assert_eq!((read(&table, first), read(&table, second)), (Err(AMP_POOL_INVALID_HANDLE), Ok("second")));
    }

    #[test]
    fn a_handle_of_another_kind_or_of_nothing_is_told_from_it() {
        let (words, others) = (Table::new(), Table::new());
        words.insert(Word("only")).unwrap();
        let other = others.insert(Other).unwrap();
        assert_eq!(read(&words, other), Err(AMP_POOL_WRONG_HANDLE));
        for nothing in [0, 1, u64::MAX, 1 << 48 | 1, 1 << 48 | 1 << 20, 4 << 48, 1 << 63] {
            assert_eq!(read(&words, nothing), Err(AMP_POOL_INVALID_HANDLE), "{nothing:x}");
        }
    }

    #[test]
    fn a_handle_fits_into_the_numbers_that_every_language_has() {
        assert!(handle::<Other>(GENERATIONS - 1, PLACES - 1) < 1 << 53);
    }

    #[test]
    fn a_place_that_had_all_its_generations_is_given_no_more() {
        let table = Table::new();
        table.insert(Word("first")).unwrap();
        table.lock().all[0].generation = GENERATIONS - 1;
        let last = handle::<Word>(GENERATIONS - 1, 0);
        assert!(table.remove(last).is_ok());
        assert_eq!(table.insert(Word("next")).unwrap(), handle::<Word>(0, 1));
        assert_eq!(read(&table, last), Err(AMP_POOL_INVALID_HANDLE));
    }

    #[test]
    fn what_a_panic_went_through_is_lent_to_nobody_and_can_be_freed() {
        let table = Table::new();
        let handle = table.insert(Word("spoilt")).unwrap();
        let held = table.get(handle).unwrap();
        let through = || held.lend(|_| -> Result<(), Failure> { panic!("a mistake") });
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(through)).is_err());
        assert_eq!(read(&table, handle), Err(AMP_POOL_PANICKED));
        assert!(table.remove(handle).is_ok());
    }

    #[test]
    fn who_holds_what_was_freed_keeps_it_alive() {
        let table = Table::new();
        let handle = table.insert(Word("kept")).unwrap();
        let held = table.get(handle).unwrap();
        drop(table.remove(handle));
        assert_eq!(held.lend(|word| Ok(word.0)), Ok("kept"));
    }
}
