// SPDX-License-Identifier: GPL-3.0-or-later

/// What is measured: a name, a kind, a sentence for people, and the names of the labels that tell its series apart.
///
/// Names follow Prometheus' conventions: base units last (`_seconds`, `_bytes`), `_total` for counters and for nothing
/// else. Values of labels have to come from a set that is bounded by the program or its configuration, never from a
/// driver's words.
public struct Metric: Sendable, Hashable {
  /// How the values behave.
  public enum Kind: String, Sendable {
    /// Only grows, from 0 at each start of the process.
    case counter
    /// Goes up and down.
    case gauge
    /// Counts of values below given bounds, with their sum.
    case histogram
  }

  /// The name, `keyfold_…`, or `process_…` for what every process has.
  public let name: String
  /// How the values behave.
  public let kind: Kind
  /// What it says, in a sentence.
  public let help: String
  /// The names of its labels, in the order in which values are given.
  public let labels: [String]

  /// Describes a metric; a name or label against the conventions is a mistake of the program and ends it.
  public init(_ kind: Kind, _ name: String, labels: [String] = [], _ help: String) {
    precondition(Self.isName(name), "the metric \(name) has to be keyfold_… or process_… in lower case")
    precondition(name.hasSuffix("_total") == (kind == .counter), "\(name): counters, and only they, end in _total")
    precondition(
      kind != .histogram || labels.isEmpty, "\(name): histograms have no labels here, so that their cost stays known")
    for label in labels { precondition(Self.isLabel(label), "\(name): the label \(label) is not allowed") }
    precondition(!help.isEmpty, "\(name) needs a sentence")
    self.name = name
    self.kind = kind
    self.help = help
    self.labels = labels
  }

  private static func isName(_ name: String) -> Bool {
    (name.hasPrefix("keyfold_") || name.hasPrefix("process_")) && isPlain(name)
  }

  /// `le` and names that begin with two underscores are Prometheus' own.
  private static func isLabel(_ name: String) -> Bool { isPlain(name) && name != "le" && !name.hasPrefix("_") }

  private static func isPlain(_ name: String) -> Bool {
    guard let first = name.utf8.first, first == UInt8(ascii: "_") || (0x61...0x7A).contains(first) else { return false }
    return name.utf8.allSatisfy { $0 == UInt8(ascii: "_") || (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
  }
}
