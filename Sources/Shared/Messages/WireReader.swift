// SPDX-License-Identifier: GPL-3.0-or-later
internal import CMessages
internal import ClusterModel
internal import Secrets

/// Reads the fields of one decoded message; lives no longer than the arena it was decoded into.
@safe struct WireReader {
  private let message: UnsafePointer<ProtobufCMessage>

  init(_ message: UnsafePointer<ProtobufCMessage>) { unsafe self.message = message }

  func uint32(_ name: StaticString) -> UInt32 { load(name, PROTOBUF_C_TYPE_UINT32, PROTOBUF_C_TYPE_FIXED32) }
  func uint64(_ name: StaticString) -> UInt64 { load(name, PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_TYPE_FIXED64) }
  func int64(_ name: StaticString) -> Int64 { load(name, PROTOBUF_C_TYPE_SINT64) }
  func bool(_ name: StaticString) -> Bool { load(name, PROTOBUF_C_TYPE_BOOL) as protobuf_c_boolean != 0 }

  /// A text; empty if it is absent.
  func text(_ name: StaticString) throws(MessageError) -> String {
    try unsafe Self.string(load(name, PROTOBUF_C_TYPE_STRING) as UnsafePointer<CChar>?, name)
  }

  /// A text that is the only member of its oneof, nil if it is absent.
  func optionalText(_ name: StaticString) throws(MessageError) -> String? {
    guard isChosen(field(name, [PROTOBUF_C_TYPE_STRING])) else { return nil }
    return try text(name)
  }

  /// One of the cases of an enum; the schema's UNSPECIFIED and numbers from a later version are refused.
  func choice<Choice: WireChoice>(_ name: StaticString) throws(MessageError) -> Choice {
    // Negative numbers come out large.
    let number = Int(load(name, PROTOBUF_C_TYPE_ENUM) as UInt32)
    guard number >= 1, number <= Choice.wireOrder.count else {
      throw MessageError(.outOfRange, field: "\(name)", "\(number) is none of the values known here")
    }
    return Choice.wireOrder[number - 1]
  }

  /// A message that has to be there.
  func value<Value: WireMapped>(_ name: StaticString) throws(MessageError) -> Value {
    guard let value: Value = try optional(name) else {
      throw MessageError(.missing, field: "\(name)", "this part is missing")
    }
    return value
  }

  /// A message that may be absent.
  func optional<Value: WireMapped>(_ name: StaticString) throws(MessageError) -> Value? {
    let field = field(name, [PROTOBUF_C_TYPE_MESSAGE])
    if field.isMember, !isChosen(field) { return nil }
    guard let child = unsafe load(field) as UnsafePointer<ProtobufCMessage>? else { return nil }
    return try Value(wire: unsafe WireReader(child))
  }

  /// A list of messages, at most `limit`.
  func list<Value: WireMapped>(_ name: StaticString, limit: Int) throws(MessageError) -> [Value] {
    try unsafe elements(name, PROTOBUF_C_TYPE_MESSAGE, limit: limit) {
      (child: UnsafePointer<ProtobufCMessage>) throws(MessageError) in try Value(wire: unsafe WireReader(child))
    }
  }

  /// A list of texts, at most `limit`.
  func texts(_ name: StaticString, limit: Int) throws(MessageError) -> [String] {
    try unsafe elements(name, PROTOBUF_C_TYPE_STRING, limit: limit) {
      (text: UnsafePointer<CChar>) throws(MessageError) in try unsafe Self.string(text, name)
    }
  }

  /// Bytes that go straight into the secure heap, nil if they are absent; the arena overwrites its copy.
  func optionalSecret(_ name: StaticString) throws(MessageError) -> Secret? {
    let field = field(name, [PROTOBUF_C_TYPE_BYTES])
    guard isChosen(field) else { return nil }
    let bytes = unsafe load(field) as ProtobufCBinaryData
    let span = unsafe UnsafeRawBufferPointer(start: bytes.data, count: bytes.len).bytes
    do { return Secret(try SecretBytes(copying: span)) } catch {
      throw MessageError(.secretStorage, field: "\(name)", error.description)
    }
  }

  /// The schema's number of the chosen member of a oneof, 0 for none known here; `member` is any of its members.
  func chosen(memberLike member: StaticString) -> UInt32 {
    let field = field(member, [PROTOBUF_C_TYPE_MESSAGE])
    return unsafe UnsafeRawPointer(message).load(fromByteOffset: field.quantifierOffset, as: UInt32.self)
  }
}

extension WireReader {
  private func field(_ name: StaticString, _ types: [ProtobufCType], repeated: Bool = false) -> WireField {
    unsafe WireField(name, of: message, as: types, repeated: repeated)
  }

  private func isChosen(_ field: WireField) -> Bool {
    unsafe UnsafeRawPointer(message).load(fromByteOffset: field.quantifierOffset, as: UInt32.self) == field.number
  }

  private func load<Value>(_ field: WireField) -> Value {
    unsafe UnsafeRawPointer(message).load(fromByteOffset: field.offset, as: Value.self)
  }

  private func load<Value>(_ name: StaticString, _ types: ProtobufCType...) -> Value { load(field(name, types)) }

  private func elements<Element, Value>(
    _ name: StaticString, _ type: ProtobufCType, limit: Int,
    _ value: (UnsafePointer<Element>) throws(MessageError) -> Value
  ) throws(MessageError) -> [Value] {
    let field = field(name, [type], repeated: true)
    let count = unsafe UnsafeRawPointer(message).load(fromByteOffset: field.quantifierOffset, as: Int.self)
    guard count > 0 else { return [] }
    guard count <= limit, let base = unsafe load(field) as UnsafePointer<UnsafePointer<Element>?>? else {
      throw MessageError(.outOfRange, field: "\(name)", "\(count) elements, at most \(limit) are allowed")
    }
    var values: [Value] = []
    values.reserveCapacity(count)
    for index in 0..<count {
      guard let element = unsafe base[index] else {
        throw MessageError(.malformed, field: "\(name)", "an element is missing")
      }
      values.append(try unsafe value(element))
    }
    return values
  }

  /// Checks what protobuf-c doesn't: UTF-8, and NUL bytes, at which C code would cut.
  private static func string(_ text: UnsafePointer<CChar>?, _ name: StaticString) throws(MessageError) -> String {
    let length = unsafe kf_text_length(text)
    guard length >= 0 else { throw MessageError(.embeddedNUL, field: "\(name)", "the text holds a NUL byte") }
    guard length > 0, let text = unsafe text else { return "" }
    let bytes = unsafe UnsafeRawBufferPointer(start: text, count: length)
    guard let string = unsafe String(validating: bytes, as: UTF8.self) else {
      throw MessageError(.invalidUTF8, field: "\(name)", "the text is not UTF-8")
    }
    return string
  }
}

extension WireReader {
  /// A name that the model accepts.
  func name<Name: CheckedName>(_ field: StaticString) throws(MessageError) -> Name {
    let text = try text(field)
    return try Self.accepted(field) { () throws(ModelError) in try Name(text) }
  }

  /// A name that may be absent: the text is empty then, which no name is.
  func optionalName<Name: CheckedName>(_ field: StaticString) throws(MessageError) -> Name? {
    try text(field).isEmpty ? nil : name(field)
  }

  /// A UUID that the model accepts.
  func id<ID: UUIDIdentifier>(_ field: StaticString) throws(MessageError) -> ID {
    let text = try text(field)
    return try Self.accepted(field) { () throws(ModelError) in try ID(text) }
  }

  /// A UUID that may be absent from a plain field: its text is empty then.
  func idUnlessEmpty<ID: UUIDIdentifier>(_ field: StaticString) throws(MessageError) -> ID? {
    try text(field).isEmpty ? nil : id(field)
  }

  /// A UUID that is the only member of its oneof, nil if it is absent.
  func optionalID<ID: UUIDIdentifier>(_ field: StaticString) throws(MessageError) -> ID? {
    try optionalText(field) == nil ? nil : id(field)
  }

  /// Turns the model's refusal into the error of the field.
  static func accepted<Value>(
    _ field: StaticString, _ make: () throws(ModelError) -> Value
  ) throws(MessageError) -> Value {
    do { return try make() } catch { throw MessageError(.invalidValue, field: "\(field)", error.description) }
  }
}
