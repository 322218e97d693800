// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement

/// A session policy (IAM user guide, "Policies and permissions", session policies), as far as KMS's actions need it.
///
/// Understood are Effect, Action, Resource and the conditions StringEquals, StringLike (each also with IfExists and
/// ForAllValues or ForAnyValue) on `kms:EncryptionContext:NAME` and `kms:EncryptionContextKeys`, and Bool and Null on
/// nothing. Anything else is refused when the role is assumed, never ignored.
struct SessionPolicy: Sendable {
  /// The longest policy, in characters (STS API reference, AssumeRole).
  static let maximumBytes = 2048

  private struct Statement: Sendable {
    let allows: Bool
    let actions: [String]
    let resources: [String]
    let conditions: [Condition]
  }

  private struct Condition: Sendable {
    let isPattern: Bool
    let isIfExists: Bool
    let key: String
    let values: [String]
    /// `ForAllValues` or `ForAnyValue`, for keys with many values.
    let quantifier: String
  }

  private let statements: [Statement]

  /// Reads a policy; throws what is not understood.
  init(_ text: String) throws(KMSFault) {
    let bytes = Array(text.utf8)
    guard bytes.count <= Self.maximumBytes else {
      throw KMSFault("PackedPolicyTooLarge", "The policy is longer than \(Self.maximumBytes) characters.")
    }
    guard let item = try? JSONReader.read(bytes.span), case .object(let members) = item,
      members.keys.allSatisfy({ ["Version", "Id", "Statement"].contains($0) }), let list = members["Statement"]
    else { throw Self.malformed("it is not a JSON object with Version and Statement") }
    var statements: [Statement] = []
    if case .array(let items) = list {
      for item in items { statements.append(try Self.statement(item, bytes)) }
    } else {
      statements = [try Self.statement(list, bytes)]
    }
    self.statements = statements
  }

  /// Whether the policy lets `action` happen to a key with a context; what no statement allows is denied.
  func allows(_ action: String, resource: String, context: [String: String]) -> Bool {
    let fitting = statements.filter { statement in
      statement.actions.contains { Self.matches($0.lowercased(), action.lowercased()) }
        && statement.resources.contains { Self.matches($0, resource) }
        && statement.conditions.allSatisfy { Self.holds($0, context) }
    }
    return fitting.contains { $0.allows } && !fitting.contains { !$0.allows }
  }

  private static func statement(_ item: JSONItem, _ bytes: [UInt8]) throws(KMSFault) -> Statement {
    guard case .object(let members) = item else { throw malformed("a statement is not an object") }
    let known = ["Sid", "Effect", "Action", "Resource", "Condition"]
    if let unknown = members.keys.first(where: { !known.contains($0) }) {
      throw malformed("the local KMS does not understand \(AuditEntry.cleaned(unknown)) in a statement")
    }
    let effect = members["Effect"]?.text(in: bytes.span)
    guard effect == "Allow" || effect == "Deny", let actions = texts(members["Action"], bytes),
      let resources = texts(members["Resource"], bytes)
    else { throw malformed("a statement needs Effect, Action and Resource") }
    var conditions: [Condition] = []
    if let operators = members["Condition"] {
      guard case .object(let operators) = operators else { throw malformed("Condition is not an object") }
      for (name, keys) in operators { conditions += try Self.conditions(name, keys, bytes) }
    }
    return Statement(allows: effect == "Allow", actions: actions, resources: resources, conditions: conditions)
  }

  private static func conditions(_ name: String, _ keys: JSONItem, _ bytes: [UInt8]) throws(KMSFault) -> [Condition] {
    let parts = name.split(separator: ":").map(String.init)
    let quantifier = parts.count == 2 ? parts[0] : ""
    var word = parts.last ?? ""
    let isIfExists = word.hasSuffix("IfExists")
    if isIfExists { word.removeLast("IfExists".count) }
    guard ["StringEquals", "StringLike"].contains(word), ["", "ForAllValues", "ForAnyValue"].contains(quantifier),
      case .object(let keys) = keys
    else { throw malformed("the local KMS does not understand the condition \(AuditEntry.cleaned(name))") }
    var conditions: [Condition] = []
    for (key, values) in keys {
      let lowered = key.lowercased()
      let isKnown = lowered.hasPrefix("kms:encryptioncontext:") || lowered == "kms:encryptioncontextkeys"
      guard isKnown, let values = texts(values, bytes) else {
        throw malformed("the local KMS does not understand a condition on \(AuditEntry.cleaned(key))")
      }
      conditions.append(
        Condition(
          isPattern: word == "StringLike", isIfExists: isIfExists, key: key, values: values, quantifier: quantifier))
    }
    return conditions
  }

  private static func holds(_ condition: Condition, _ context: [String: String]) -> Bool {
    func fits(_ value: String) -> Bool {
      condition.values.contains { condition.isPattern ? matches($0, value) : $0 == value }
    }
    if condition.key.lowercased() == "kms:encryptioncontextkeys" {
      if condition.quantifier == "ForAnyValue" { return context.keys.contains(where: fits) }
      return context.keys.allSatisfy(fits) && (condition.quantifier == "ForAllValues" || !context.isEmpty)
    }
    let name = String(condition.key.dropFirst("kms:EncryptionContext:".count))
    guard let value = context[name] else { return condition.isIfExists || condition.quantifier == "ForAllValues" }
    return fits(value)
  }

  private static func texts(_ item: JSONItem?, _ bytes: [UInt8]) -> [String]? {
    if let text = item?.text(in: bytes.span) { return [text] }
    guard case .array(let items)? = item else { return nil }
    let texts = items.compactMap { $0.text(in: bytes.span) }
    return texts.count == items.count ? texts : nil
  }

  /// Whether a pattern with `*` and `?` fits a text; linear but for one point to go back to.
  static func matches(_ pattern: String, _ text: String) -> Bool {
    let (pattern, text) = (Array(pattern.unicodeScalars), Array(text.unicodeScalars))
    var (at, place): (Int, Int) = (0, 0)
    var back: (at: Int, place: Int)?
    while place < text.count {
      if at < pattern.count, pattern[at] == "*" {
        back = (at, place)
        at += 1
      } else if at < pattern.count, pattern[at] == "?" || pattern[at] == text[place] {
        at += 1
        place += 1
      } else if let point = back {
        back = (point.at, point.place + 1)
        at = point.at + 1
        place = point.place + 1
      } else {
        return false
      }
    }
    return pattern[at...].allSatisfy { $0 == "*" }
  }

  private static func malformed(_ what: String) -> KMSFault {
    KMSFault("MalformedPolicyDocument", "The policy is not valid: \(what).")
  }
}
