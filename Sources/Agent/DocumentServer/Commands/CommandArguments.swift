// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// The fields of a command or of a statement in it: every field is taken by name, and one that nobody took is refused.
struct CommandArguments {
  let owner: String
  private var fields: [DocumentElement] = []
  private var sequences: [DocumentSequence]

  /// Collects the fields of `document`; throws if one is given twice.
  init(_ document: Document, owner: String, sequences: [DocumentSequence] = []) throws(CommandError) {
    self.owner = owner
    self.sequences = sequences
    var names = Set<String>()
    for element in document {
      guard names.insert(element.key).inserted else {
        throw CommandError(.duplicateField, "\(owner): the field '\(element.key)' is given twice")
      }
      fields.append(element)
      if fields.count > CommandArguments.maximumFields {
        throw CommandError(.badValue, "\(owner): more than \(CommandArguments.maximumFields) fields")
      }
    }
  }

  /// No command has nearly as many fields.
  private static let maximumFields = 64

  /// Takes a field of any type; null counts as absent.
  mutating func value(_ name: String) -> BSONValue? {
    guard let place = fields.firstIndex(where: { $0.key == name }) else { return nil }
    let value = fields.remove(at: place).value
    return value == .null ? nil : value
  }

  /// Takes a field whatever it holds.
  mutating func ignore(_ names: String...) {
    for name in names { _ = value(name) }
  }

  mutating func string(_ name: String) throws(CommandError) -> String? {
    guard let value = value(name) else { return nil }
    guard case .string(let text) = value else { throw wrongType(name, value, "string") }
    return text
  }

  mutating func document(_ name: String) throws(CommandError) -> Document? {
    guard let value = value(name) else { return nil }
    guard case .document(let document) = value else { throw wrongType(name, value, "object") }
    return document
  }

  /// Takes a truth value; drivers and shells send numbers too.
  mutating func bool(_ name: String) throws(CommandError) -> Bool? {
    guard let value = value(name) else { return nil }
    if case .bool(let flag) = value { return flag }
    guard let number = value.number else { throw wrongType(name, value, "bool") }
    return number != 0
  }

  /// Takes a whole number.
  mutating func integer(_ name: String) throws(CommandError) -> Int? {
    guard let value = value(name) else { return nil }
    guard value.number != nil else { throw wrongType(name, value, "number") }
    guard let whole = value.wholeNumber else {
      throw CommandError(.badValue, "\(owner): '\(name)' has to be a whole number of 64 bits")
    }
    return whole
  }

  /// Takes a whole number that must not be negative.
  mutating func count(_ name: String) throws(CommandError) -> Int? {
    guard let number = try integer(name) else { return nil }
    if number < 0 { throw CommandError(.badValue, "\(owner): '\(name)' must not be negative") }
    return number
  }

  /// Takes a list of documents, from an array or from a document sequence.
  mutating func documents(_ name: String) throws(CommandError) -> [Document] {
    if let place = sequences.firstIndex(where: { $0.name == name }) { return sequences.remove(at: place).documents }
    guard let value = value(name) else { throw missing(name) }
    guard case .array(let array) = value else { throw wrongType(name, value, "array") }
    var documents: [Document] = []
    for element in array {
      guard case .document(let document) = element.value else {
        throw wrongType("\(name).\(element.key)", element.value, "object")
      }
      documents.append(document)
      guard documents.count <= CommandInterpreter.maximumWriteBatch else {
        throw CommandError.tooManyDocuments
      }
    }
    return documents
  }

  /// Takes a hint; `_id` has the only index there is, any other one is refused as MongoDB refuses one that is missing.
  mutating func requireOnlyIndex(_ name: String) throws(CommandError) {
    guard let hint = value(name) else { return }
    if case .string(let index) = hint, index == "_id_" { return }
    if case .document(let keys) = hint, Array(keys).count == 1, keys["_id"]?.wholeNumber == 1 { return }
    throw CommandError(.badValue, "\(owner): hint provided does not correspond to an existing index")
  }

  /// Refuses what nobody took.
  func finish() throws(CommandError) {
    if let field = fields.first {
      throw CommandError(.unknownField, "\(owner): the field '\(field.key)' is not supported")
    }
    if let sequence = sequences.first {
      throw CommandError(.unknownField, "\(owner): the document sequence '\(sequence.name)' is not supported")
    }
  }

  func wrongType(_ name: String, _ value: BSONValue, _ expected: String) -> CommandError {
    CommandError(.typeMismatch, "\(owner): '\(name)' is of type \(value.type.name), expected \(expected)")
  }

  mutating func requiredString(_ name: String) throws(CommandError) -> String {
    guard let text = try string(name) else { throw missing(name) }
    return text
  }

  mutating func requiredDocument(_ name: String) throws(CommandError) -> Document {
    guard let document = try document(name) else { throw missing(name) }
    return document
  }

  func missing(_ name: String) -> CommandError {
    CommandError(.missingField, "\(owner): the field '\(name)' is missing but required")
  }
}

extension BSONValue {
  /// The value as a number, if it is one.
  var number: Double? {
    switch self {
    case .double(let number): number
    case .int32(let number): Double(number)
    case .int64(let number): Double(number)
    case .decimal128(let number): number.approximation
    default: nil
    }
  }

  /// The value as a whole number, if it is exactly one.
  var wholeNumber: Int? {
    switch self {
    case .double(let number): Int(exactly: number)
    case .int32(let number): Int(number)
    case .int64(let number): Int(number)
    case .decimal128(let number): number.exactInteger.map { Int($0) }
    default: nil
    }
  }
}
