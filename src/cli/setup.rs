//! What nearly every command starts from: configuration, policies, statements, parameters, framework.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::{self, Config};
use super::{Failure, Terminal};
use crate::aws::{SERVICES, Service};
use crate::diag::{Code, Diagnostic, SourceFile, has_errors, nearest, tidy};
use crate::estate::{LinkSet, Registry, Value};
use crate::framework::{self, Attestation, Exception, Framework};
use crate::policy::{Bundle, Files, Parameters, Setting, read_folder, settings, shipped_files};
use crate::words::counted;
use crate::{aws, isolation};

/// The parameter that `regions: allowed` sets.
const ALLOWED_REGIONS: &str = "allowed_regions";
/// The framework that is reported on unless the configuration names another.
const FRAMEWORK: &str = "iso27001-2022";
/// The configuration that is read when none is named.
pub(super) const CONFIG: &str = "keur.yaml";

/// Everything that is read before anything is judged.
pub(super) struct Setup {
    pub(super) config: Config,
    pub(super) registry: Arc<Registry>,
    pub(super) links: LinkSet,
    pub(super) bundle: Bundle,
    pub(super) framework: Framework,
    pub(super) exceptions: Vec<Exception>,
    pub(super) attestations: Vec<Attestation>,
    #[cfg_attr(not(feature = "aws"), allow(dead_code, reason = "only those who ask AWS need it"))]
    pub(super) allowed: Vec<String>,
    /// The files that all of this was read from.
    pub(super) rules: Rules,
}

/// The files that rules are read from, before anything is made of them.
pub(super) struct Rules {
    pub(super) config: Config,
    pub(super) config_source: Option<Arc<SourceFile>>,
    pub(super) policies: Vec<Arc<SourceFile>>,
    /// Declarations that come with the program, for policies that bring none.
    pub(super) declarations: Vec<Arc<SourceFile>>,
    pub(super) exceptions: Vec<Arc<SourceFile>>,
    pub(super) attestations: Vec<Arc<SourceFile>>,
    /// Where attested documents are; none where they were compared with their hashes before.
    pub(super) documents: Option<PathBuf>,
    /// Only these policies.
    pub(super) only: Vec<String>,
}

impl Rules {
    /// Reads the files that a command line and its configuration name.
    fn gather(sources: &Sources, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let (config, config_source) = match (&sources.config, sources.built_in) {
            (Some(path), _) => config::read(path, diagnostics),
            (None, Some((name, text))) => {
                let source = SourceFile::new(name, text);
                (config::read_text(&source, Path::new(""), diagnostics), Some(source))
            }
            (None, None) if Path::new(CONFIG).is_file() => config::read(Path::new(CONFIG), diagnostics),
            (None, None) => (Config::default(), None),
        };
        let folders: Vec<Option<PathBuf>> =
            if sources.policies.is_empty() { config.policies.clone() } else { sources.policies.iter().cloned().map(Some).collect() };
        let mut policies = Vec::new();
        for folder in folders {
            match folder {
                None => policies.extend(shipped_files()),
                Some(path) => policies.extend(read_folder(&path, diagnostics)),
            }
        }
        let declares = |file: &Arc<SourceFile>| {
            let declaration = file.name.ends_with("/statements.yaml") || file.name.ends_with("/parameters.yaml");
            (declaration || file.name.contains("/frameworks/")) && !policies.contains(file)
        };
        let declarations = shipped_files().into_iter().filter(declares).collect();
        let mut folder = |path: &Option<PathBuf>| path.as_ref().map(|path| read_folder(path, diagnostics)).unwrap_or_default();
        let (exceptions, attestations) = (folder(&config.exceptions), folder(&config.attestations));
        let documents = Some(config.attestations.clone().unwrap_or_default());
        Self { config, config_source, policies, declarations, exceptions, attestations, documents, only: sources.only.clone() }
    }
}

impl Rules {
    /// The names of all of them: paths, where they were read from files.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let all = [&self.policies, &self.declarations, &self.exceptions, &self.attestations];
        all.into_iter().flatten().chain(&self.config_source).map(|source| source.name.as_str())
    }
}

/// Where to read from.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    pub(super) config: Option<PathBuf>,
    /// Instead of the folders of the configuration.
    pub(super) policies: Vec<PathBuf>,
    /// Only these policies.
    pub(super) only: Vec<String>,
    /// A configuration that comes with the program, for the demo.
    pub(super) built_in: Option<(&'static str, &'static str)>,
}

impl Setup {
    /// Reads everything and reports all that is wrong with it.
    pub(super) fn load(sources: &Sources, terminal: &Terminal) -> Result<Self, Failure> {
        let mut diagnostics = Vec::new();
        let setup = Self::read(sources, &mut diagnostics);
        finish(diagnostics, terminal)?;
        setup.ok_or_else(|| Failure::usage("nothing was judged"))
    }

    /// The services that the policies in use need: for the types they are about, those they are linked
    /// to, and those that tell which environment they belong to.
    pub(super) fn services(&self) -> Vec<&'static Service> {
        let mut kinds: BTreeSet<&str> = BTreeSet::new();
        for policy in &self.bundle.policies {
            let Some(types) = policy.needs() else { return SERVICES.to_vec() };
            kinds.extend(types.iter().flat_map(|kind| isolation::wholes(kind)));
            kinds.extend(types);
        }
        // What tells regions, environments and AWS's own objects apart comes from EC2.
        SERVICES.iter().copied().filter(|s| s.name == "ec2" || s.types.iter().any(|t| kinds.contains(t))).collect()
    }

    /// Reads everything; what is wrong goes to `diagnostics`.
    pub(super) fn read(sources: &Sources, diagnostics: &mut Vec<Diagnostic>) -> Option<Self> {
        let rules = Rules::gather(sources, diagnostics);
        Self::of(rules, diagnostics)
    }

    /// Makes everything of files that were read.
    pub(super) fn of(rules: Rules, diagnostics: &mut Vec<Diagnostic>) -> Option<Self> {
        let config = rules.config.clone();
        let (files, own_frameworks) = with_declarations(&rules, diagnostics);
        let registry = crate::registry();
        let links = aws::links(isolation::LINKS);
        let (parameters, allowed) = parameters(&files, &config, diagnostics);
        let mut bundle = Bundle::check(&files, parameters, &registry, &links, diagnostics);
        let ids = framework::policy_ids(&bundle);
        let wrong = has_errors(diagnostics);
        if ids.is_empty() && !wrong {
            let found = Diagnostic::plain(Code::EmptyList, "there are no policies: nothing would be judged");
            diagnostics.push(found.help("name a folder with policies, or `shipped` in the configuration"));
        }
        // With a broken policy its id is missing: saying so of the framework as well would not help. And a
        // framework that comes with the program names policies that a folder of somebody's own need not have.
        let known = (!wrong && own_frameworks).then_some(&ids);
        let frameworks: Vec<Framework> = files
            .frameworks
            .iter()
            .filter_map(|(source, node)| framework::framework(source, node, known, &files.statements, diagnostics))
            .collect();
        let named = config.framework.as_ref().and_then(|name| config.places.get(Path::new(name)));
        let named = named.zip(rules.config_source.as_ref());
        let framework = pick(frameworks, config.framework.as_deref().unwrap_or(FRAMEWORK), named, diagnostics);
        let exceptions = rules.exceptions.iter().flat_map(|source| framework::exceptions(source, &ids, diagnostics)).collect();
        let attestations = framework::attestations(&rules.attestations, rules.documents.as_deref(), &files.statements, diagnostics);
        only(&mut bundle, &rules.only, diagnostics);
        if has_errors(diagnostics) {
            return None;
        }
        Some(Self { config, registry: Arc::new(registry), links, bundle, framework: framework?, exceptions, attestations, allowed, rules })
    }
}

/// The files parsed; statements, parameters and frameworks that they do not declare come from the
/// shipped ones, so that a folder with one policy is enough.
///
/// Also tells whether the frameworks are among the files.
fn with_declarations(rules: &Rules, diagnostics: &mut Vec<Diagnostic>) -> (Files, bool) {
    let mut files = Files::parse(&rules.policies, diagnostics);
    // Parsing is most of what loading takes: no shipped policy is parsed here, and nothing twice.
    let mut shipped = Files::parse(&rules.declarations, &mut Vec::new());
    let statements: BTreeSet<String> = files.statements.iter().map(|s| s.id.clone()).collect();
    files.statements.extend(shipped.statements.drain(..).filter(|s| !statements.contains(&s.id)));
    let parameters: BTreeSet<String> = files.parameters.iter().map(|p| p.name.clone()).collect();
    files.parameters.extend(shipped.parameters.drain(..).filter(|p| !parameters.contains(&p.name)));
    let own = !files.frameworks.is_empty();
    if !own {
        files.frameworks = shipped.frameworks;
    }
    (files, own)
}

/// How many mistakes are shown in full: who has more mends these first.
const SHOWN: usize = 100;

/// Prints what is wrong, all of it counted; an error ends the command.
pub(super) fn finish(mut diagnostics: Vec<Diagnostic>, terminal: &Terminal) -> Result<(), Failure> {
    tidy(&mut diagnostics);
    let (shown, rest) = diagnostics.split_at(diagnostics.len().min(SHOWN));
    for diagnostic in shown {
        terminal.say(&diagnostic.render(terminal.color));
        terminal.say("");
    }
    if !rest.is_empty() {
        let mut codes: BTreeMap<Code, usize> = BTreeMap::new();
        rest.iter().for_each(|d| *codes.entry(d.code).or_default() += 1);
        let codes = codes.into_iter().map(|(code, count)| format!("{count} {code}")).collect::<Vec<_>>().join(", ");
        let files: BTreeSet<&str> = rest.iter().filter_map(|d| d.source.as_ref().map(|s| s.name.as_str())).collect();
        let places = files.iter().take(5).copied().collect::<Vec<_>>().join(", ");
        let others = if files.len() > 5 { format!(" and {} more", files.len() - 5) } else { String::new() };
        terminal.say(&format!("and {} more, not shown: {codes}; in {places}{others}", rest.len()));
        terminal.say("");
    }
    if has_errors(&diagnostics) {
        let counts = crate::diag::counts(&diagnostics);
        let errors = counts.get(&crate::diag::Severity::Error).copied().unwrap_or_default();
        return Err(Failure::usage(format!("{} found; nothing was judged", counted(errors, "error", "errors"))));
    }
    Ok(())
}

fn parameters(files: &Files, config: &Config, diagnostics: &mut Vec<Diagnostic>) -> (Parameters, Vec<String>) {
    let environments = config.environments.names();
    let mut set = match &config.parameters {
        None => std::collections::BTreeMap::new(),
        Some((source, node)) => {
            let mut reader = crate::policy::yaml::Reader { source: Arc::clone(source), diagnostics };
            settings(&mut reader, node, &files.parameters, &environments)
        }
    };
    if let Some(allowed) = &config.allowed {
        let value = Value::List(allowed.iter().map(|r| Value::string(r.as_str())).collect());
        set.insert(ALLOWED_REGIONS.to_owned(), Setting { default: value, environments: std::collections::BTreeMap::new() });
    }
    let parameters = Parameters::new(files.parameters.clone(), set).with_environments(Some(environments));
    let allowed = parameters.iter().find(|(p, _)| p.name == ALLOWED_REGIONS).map(|(_, setting)| texts(&setting.default));
    (parameters, allowed.unwrap_or_default())
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::List(items) => {
            items.iter().filter_map(|v| if let Value::String(text) = v { Some(text.to_string()) } else { None }).collect()
        }
        _ => Vec::new(),
    }
}

/// The framework of an id; `named` is where the configuration names it.
fn pick(
    frameworks: Vec<Framework>,
    wanted: &str,
    named: Option<(&Range<usize>, &Arc<SourceFile>)>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Framework> {
    let known: Vec<String> = frameworks.iter().map(|f| f.id.clone()).collect();
    let found = frameworks.into_iter().find(|f| f.id == wanted);
    if found.is_none() && !has_errors(diagnostics) {
        let title = format!("there is no framework `{wanted}`");
        let found = match named {
            Some((span, source)) => Diagnostic::error(Code::UnknownControl, title, source, span.clone()).label("unknown framework"),
            None => Diagnostic::plain(Code::UnknownControl, title),
        };
        diagnostics.push(match nearest(wanted, known.iter().map(String::as_str)) {
            Some(near) => found.help(format!("did you mean `{near}`?")),
            None => found.help(format!("there is: {}", known.join(", "))),
        });
    }
    found
}

fn only(bundle: &mut Bundle, wanted: &[String], diagnostics: &mut Vec<Diagnostic>) {
    if wanted.is_empty() {
        return;
    }
    for id in wanted {
        if bundle.policy(id).is_none() {
            let near = nearest(id, bundle.policies.iter().map(|p| p.id.as_str())).map(str::to_owned);
            let mut diagnostic = Diagnostic::plain(Code::UnknownPolicy, format!("no policy `{id}`"));
            diagnostic = match near {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help("`keur policy list` shows them all"),
            };
            diagnostics.push(diagnostic);
        }
    }
    bundle.policies.retain(|p| wanted.contains(&p.id));
}
