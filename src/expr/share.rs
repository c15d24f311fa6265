//! Loops over a list that many resources share. Each of a thousand instances with the same key pair asks the same of all thousand:
//! elements that are alike in what the loop reads of them are asked once, so that the thousand cost about as much as one.
//!
//! What a loop reads is taken apart into what hangs on the element alone and the rest. Elements with the same values of the former
//! are one class, of which one is asked. Only a comparison with something that nearly every element has a value of its own of
//! (`i.id == resource.id`) makes no classes: the few elements that it may hold of are looked up, and asked one by one.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, RwLock};

use super::World;
use super::check::{Binary, Macro, Node};
use super::eval::eval;
use crate::estate::{Gap, Reason, Value};

/// Shorter lists are asked element by element.
const WORTH_IT: usize = 32;

/// What is known of shared lists: by loop and list, and whether a sentence is written. It is about the programs that are evaluated
/// while it lives: loops are told apart by where they are.
#[derive(Debug, Default)]
pub struct Shared {
    classes: RwLock<HashMap<(usize, usize, bool), Arc<Entry>>>,
}

/// Keeps the list: as long as it is there, no other one has its address.
#[derive(Debug)]
struct Entry {
    _list: Arc<[Value]>,
    classes: Option<Classes>,
}

/// The elements of a list, by what a loop reads of them.
#[derive(Debug)]
struct Classes {
    /// Positions of elements that are alike.
    alike: Vec<Vec<u32>>,
    /// Elements that stand for what is not known: each is asked.
    open: Vec<u32>,
    /// For each comparison that makes no classes, in the order in which the loop has them.
    lookups: Vec<Option<Lookup>>,
}

/// Where the values of one side of a comparison are.
#[derive(Debug, Default)]
struct Lookup {
    texts: HashMap<Arc<str>, Vec<u32>>,
    /// References to things still to be made: type → symbol → positions.
    references: BTreeMap<Option<String>, HashMap<String, Vec<u32>>>,
    /// Whatever else: it may be equal to anything.
    others: Vec<u32>,
}

impl Lookup {
    fn add(&mut self, value: &Value, at: u32) {
        match value {
            Value::String(text) => self.texts.entry(Arc::clone(text)).or_default().push(at),
            Value::Unknown(gap) if gap.symbol().is_some() => {
                let symbol = gap.symbol().unwrap_or_default();
                self.references.entry(gap.code.clone()).or_default().entry(symbol).or_default().push(at);
            }
            _ => self.others.push(at),
        }
    }

    /// The elements whose value may be equal to `value`; none if that may be any.
    fn may_equal(&self, value: &Value, found: &mut BTreeSet<u32>) -> Option<()> {
        found.extend(&self.others);
        match value {
            Value::String(text) => {
                found.extend(self.texts.get(text).into_iter().flatten());
                found.extend(self.references.values().flat_map(HashMap::values).flatten());
            }
            Value::Unknown(gap) => {
                let symbol = gap.symbol()?;
                found.extend(self.texts.values().flatten());
                for (code, symbols) in &self.references {
                    // Two references are known not to be the same only where they are of one type.
                    if code.is_some() && *code == gap.code {
                        found.extend(symbols.get(&symbol).into_iter().flatten());
                    } else {
                        found.extend(symbols.values().flatten());
                    }
                }
            }
            _ => return None,
        }
        Some(())
    }
}

/// The slots that a node reads and does not bind itself. `next` is the slot of the next loop.
fn free(node: &Node, next: usize, found: &mut BTreeSet<usize>) {
    match node {
        Node::Slot(slot) => drop(found.insert(*slot)),
        Node::Loop(_, range, body) => {
            free(range, next, found);
            let mut inner = BTreeSet::new();
            free(body, next + 1, &mut inner);
            inner.remove(&next);
            found.extend(inner);
        }
        other => other.children().into_iter().for_each(|child| free(child, next, found)),
    }
}

/// What a loop reads of its elements.
#[derive(Default)]
struct Reads<'n> {
    /// What hangs on the element alone.
    own: Vec<&'n Node>,
    /// Comparisons of something of the element with something else: the one side and the other.
    equalities: Vec<(&'n Node, &'n Node)>,
}

impl<'n> Reads<'n> {
    /// `element` is the slot of the element.
    fn of(body: &'n Node, element: usize) -> Self {
        let mut reads = Self::default();
        reads.walk(body, element, element + 1);
        reads
    }

    fn walk(&mut self, node: &'n Node, element: usize, next: usize) {
        let mut slots = BTreeSet::new();
        free(node, next, &mut slots);
        if !slots.contains(&element) {
            return;
        }
        if slots.len() == 1 {
            self.own.push(node);
            return;
        }
        if let Node::Binary(Binary::Equal | Binary::NotEqual, left, right) = node {
            for (one, other) in [(left, right), (right, left)] {
                let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
                free(one, next, &mut ours);
                free(other, next, &mut theirs);
                if ours == BTreeSet::from([element]) && theirs.iter().all(|slot| *slot < element) {
                    self.equalities.push((one, other));
                    return;
                }
            }
        }
        match node {
            Node::Loop(_, range, body) => {
                self.walk(range, element, next);
                self.walk(body, element, next + 1);
            }
            other => other.children().into_iter().for_each(|child| self.walk(child, element, next)),
        }
    }
}

impl Classes {
    /// None where nearly every element is a class of its own.
    fn of(items: &[Value], body: &Node, world: &mut World<'_>) -> Option<Self> {
        let reads = Reads::of(body, world.slots.len());
        let mut open = Vec::new();
        let mut own: Vec<(u32, Vec<String>)> = Vec::new();
        let mut sides: Vec<Vec<(u32, Value)>> = vec![Vec::new(); reads.equalities.len()];
        for (at, item) in items.iter().enumerate() {
            let at = u32::try_from(at).ok()?;
            if item.is_unknown() {
                open.push(at);
                continue;
            }
            world.slots.push(item.clone());
            own.push((at, reads.own.iter().map(|node| written(&eval(node, world))).collect()));
            for (side, (node, _)) in sides.iter_mut().zip(&reads.equalities) {
                side.push((at, eval(node, world)));
            }
            world.slots.pop();
        }
        let mut lookups = Vec::new();
        for side in sides {
            let texts: Vec<String> = side.iter().map(|(_, value)| written(value)).collect();
            let distinct = texts.iter().collect::<BTreeSet<_>>().len();
            if distinct * 4 < side.len() {
                own.iter_mut().zip(texts).for_each(|((_, own), text)| own.push(text));
                lookups.push(None);
            } else {
                let mut lookup = Lookup::default();
                side.iter().for_each(|(at, value)| lookup.add(value, *at));
                lookups.push(Some(lookup));
            }
        }
        let mut by: HashMap<Vec<String>, Vec<u32>> = HashMap::new();
        for (at, own) in own {
            by.entry(own).or_default().push(at);
        }
        let mut alike: Vec<Vec<u32>> = by.into_values().collect();
        alike.sort_unstable();
        ((alike.len() + open.len()) * 4 < items.len()).then_some(Self { alike, open, lookups })
    }

    /// The elements that are asked one by one; none if there are too many.
    fn alone(&self, items: &[Value], body: &Node, world: &mut World<'_>) -> Option<BTreeSet<u32>> {
        let reads = Reads::of(body, world.slots.len());
        let mut alone: BTreeSet<u32> = self.open.iter().copied().collect();
        for (lookup, (_, other)) in self.lookups.iter().zip(&reads.equalities) {
            if let Some(lookup) = lookup {
                let value = eval(other, world);
                lookup.may_equal(&value, &mut alone)?;
            }
        }
        (alone.len() * 4 < items.len()).then_some(alone)
    }
}

fn written(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The classes of a list that other resources hold as well.
fn classes(items: &Arc<[Value]>, body: &Node, world: &mut World<'_>) -> Option<Arc<Entry>> {
    let shared = world.shared?;
    // One that only this loop holds is not shared: a slot, and the value that is looped over.
    if items.len() < WORTH_IT || Arc::strong_count(items) < 3 {
        return None;
    }
    let key = (std::ptr::from_ref(body).addr(), items.as_ptr().addr(), world.sentence);
    if let Some(entry) = shared.classes.read().ok()?.get(&key) {
        return Some(Arc::clone(entry));
    }
    let entry = Arc::new(Entry { classes: Classes::of(items, body, world), _list: Arc::clone(items) });
    shared.classes.write().ok()?.insert(key, Arc::clone(&entry));
    Some(entry)
}

/// What the body says of an element: an unknown element may stand for none.
fn ask(kind: Macro, item: &Value, body: &Node, world: &mut World<'_>) -> Value {
    world.slots.push(item.clone());
    let value = eval(body, world);
    world.slots.pop();
    match (item, value) {
        (Value::Unknown(gap), Value::Bool(holds)) if holds != (kind == Macro::All) => Value::Unknown(Arc::clone(gap)),
        (_, value) => value,
    }
}

/// An answer, and the first and the last element that it is about.
struct Answer {
    first: u32,
    last: u32,
    value: Value,
}

fn answers(kind: Macro, items: &[Value], classes: &Classes, alone: &BTreeSet<u32>, body: &Node, world: &mut World<'_>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for alike in &classes.alike {
        let of_class = |at: &&u32| !alone.contains(*at);
        if let (Some(first), Some(last)) = (alike.iter().find(of_class), alike.iter().rev().find(of_class)) {
            answers.push(Answer { first: *first, last: *last, value: ask(kind, &items[*first as usize], body, world) });
        }
    }
    for at in alone {
        answers.push(Answer { first: *at, last: *at, value: ask(kind, &items[*at as usize], body, world) });
    }
    answers
}

/// `all` and `exists` over a shared list, as if each element were asked in turn; none where that is to be done.
pub(super) fn quantified(kind: Macro, items: &Arc<[Value]>, body: &Node, world: &mut World<'_>) -> Option<Value> {
    if !matches!(kind, Macro::All | Macro::Exists) {
        return None;
    }
    let entry = classes(items, body, world)?;
    let classes = entry.classes.as_ref()?;
    let alone = classes.alone(items, body, world)?;
    let decides = kind == Macro::Exists;
    let mut weighty: Option<(u32, Arc<Gap>)> = None;
    let mut excused: Option<(u32, Arc<Gap>)> = None;
    for Answer { first, last, value } in answers(kind, items, classes, &alone, body, world) {
        match value {
            Value::Bool(holds) if holds == decides => return Some(Value::Bool(decides)),
            Value::Bool(_) => {}
            // The first reason that counts is told; where all are excused by the plan, the last.
            Value::Unknown(gap) if gap.reason == Reason::NotInPlan => {
                if excused.as_ref().is_none_or(|(at, _)| last > *at) {
                    excused = Some((last, gap));
                }
            }
            Value::Unknown(gap) => {
                if weighty.as_ref().is_none_or(|(at, _)| first < *at) {
                    weighty = Some((first, gap));
                }
            }
            _ => return None,
        }
    }
    Some(weighty.or(excused).map_or(Value::Bool(!decides), |(_, gap)| Value::Unknown(gap)))
}

/// The first elements of a list that a sentence tells, and how many it has: nobody reads the rest of a thousand.
pub(super) fn beginning(node: &Node, world: &mut World<'_>, wanted: usize) -> Option<(Vec<Value>, usize)> {
    match node {
        Node::Loop(Macro::Map, range, body) => {
            let (items, count) = beginning(range, world, wanted)?;
            let told = items.into_iter().map(|item| match item {
                unknown @ Value::Unknown(_) => unknown,
                item => ask(Macro::Map, &item, body, world),
            });
            Some((told.collect(), count))
        }
        Node::Loop(Macro::Filter, range, body) => match eval(range, world) {
            Value::List(items) => filtered(&items, body, world, wanted).or_else(|| first_of(eval(node, world), wanted)),
            _ => None,
        },
        other => first_of(eval(other, world), wanted),
    }
}

fn first_of(value: Value, wanted: usize) -> Option<(Vec<Value>, usize)> {
    match value {
        Value::List(items) => Some((items.iter().take(wanted).cloned().collect(), items.len())),
        _ => None,
    }
}

fn filtered(items: &Arc<[Value]>, body: &Node, world: &mut World<'_>, wanted: usize) -> Option<(Vec<Value>, usize)> {
    let entry = classes(items, body, world)?;
    let classes = entry.classes.as_ref()?;
    let alone = classes.alone(items, body, world)?;
    let mut kept: Vec<(u32, Value)> = Vec::new();
    let mut count = 0;
    let mut keep = |value: Value, at: &mut dyn Iterator<Item = u32>, length: usize| -> Option<()> {
        match value {
            Value::Bool(false) => {}
            Value::Bool(true) => {
                count += length;
                kept.extend(at.take(wanted).map(|at| (at, items[at as usize].clone())));
            }
            unknown @ Value::Unknown(_) => {
                count += length;
                kept.extend(at.take(wanted).map(|at| (at, unknown.clone())));
            }
            _ => return None,
        }
        Some(())
    };
    for alike in &classes.alike {
        let mut others = alike.iter().copied().filter(|at| !alone.contains(at));
        let Some(first) = others.next() else { continue };
        let length = alike.len() - alone.iter().filter(|at| alike.binary_search(at).is_ok()).count();
        let value = ask(Macro::Filter, &items[first as usize], body, world);
        keep(value, &mut std::iter::once(first).chain(others), length)?;
    }
    for at in &alone {
        let value = ask(Macro::Filter, &items[*at as usize], body, world);
        keep(value, &mut std::iter::once(*at), 1)?;
    }
    kept.sort_by_key(|(at, _)| *at);
    kept.truncate(wanted);
    Some((kept.into_iter().map(|(_, value)| value).collect(), count))
}
