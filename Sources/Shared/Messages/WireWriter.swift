// SPDX-License-Identifier: GPL-3.0-or-later
internal import CMessages
internal import ClusterModel
internal import Secrets

/// Fills in the fields of one message in an arena; lives no longer than it.
@safe struct WireWriter {
  let message: UnsafeMutablePointer<ProtobufCMessage>
  private let arena: OpaquePointer

  /// Makes an empty message of a kind.
  init(_ descriptor: UnsafePointer<ProtobufCMessageDescriptor>, in arena: OpaquePointer) throws(MessageError) {
    let memory = try unsafe Self.memory(descriptor.pointee.sizeof_message, in: arena)
    unsafe self.arena = unsafe arena
    unsafe message = memory.assumingMemoryBound(to: ProtobufCMessage.self)
    guard let initialise = unsafe descriptor.pointee.message_init else {
      preconditionFailure("protobuf-c's code has no initialiser of the message")
    }
    unsafe initialise(message)
  }

  func set(_ name: StaticString, _ value: UInt32) {
    store(name, value, PROTOBUF_C_TYPE_UINT32, PROTOBUF_C_TYPE_FIXED32)
  }
  func set(_ name: StaticString, _ value: UInt64) {
    store(name, value, PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_TYPE_FIXED64)
  }
  func set(_ name: StaticString, _ value: Int64) { store(name, value, PROTOBUF_C_TYPE_SINT64) }
  func set(_ name: StaticString, _ value: Bool) {
    store(name, value ? 1 : 0 as protobuf_c_boolean, PROTOBUF_C_TYPE_BOOL)
  }

  /// Writes a text; one with a NUL byte is refused, as the other side could not tell where it ends.
  func set(_ name: StaticString, _ text: String) throws(MessageError) {
    unsafe store(name, try string(text, name), PROTOBUF_C_TYPE_STRING)
  }

  /// Writes a text that is the only member of its oneof; nothing for nil.
  func set(_ name: StaticString, optional text: String?) throws(MessageError) {
    if let text { try set(name, text) }
  }

  /// Writes the case of an enum.
  func set<Choice: WireChoice>(_ name: StaticString, _ choice: Choice) {
    guard let index = Choice.wireOrder.firstIndex(of: choice) else {
      preconditionFailure("the schema's order of \(Choice.self) lacks a case")
    }
    store(name, UInt32(truncatingIfNeeded: index + 1), PROTOBUF_C_TYPE_ENUM)
  }

  /// Writes a message; nothing for nil.
  func set<Value: WireMapped>(_ name: StaticString, _ value: Value?) throws(MessageError) {
    guard let value else { return }
    let field = field(name, [PROTOBUF_C_TYPE_MESSAGE])
    let child = try unsafe WireWriter(field.messageDescriptor, in: arena)
    try value.write(to: child)
    unsafe store(field, child.message)
  }

  /// Writes a list of messages.
  func set<Value: WireMapped>(_ name: StaticString, list: [Value]) throws(MessageError) {
    let field = field(name, [PROTOBUF_C_TYPE_MESSAGE], repeated: true)
    try unsafe store(field, elements: list) { (value) throws(MessageError) in
      let child = try unsafe WireWriter(field.messageDescriptor, in: arena)
      try value.write(to: child)
      return unsafe child.message
    }
  }

  /// Writes a list of texts.
  func set(_ name: StaticString, texts: [String]) throws(MessageError) {
    let field = field(name, [PROTOBUF_C_TYPE_STRING], repeated: true)
    try unsafe store(field, elements: texts) { (text) throws(MessageError) in unsafe try string(text, name) }
  }

  /// Writes secret bytes that are the only member of their oneof; the arena overwrites its copy at the end.
  func set(_ name: StaticString, secret: Secret?) throws(MessageError) {
    guard let secret else { return }
    let memory = try unsafe Self.memory(secret.count, in: arena)
    secret.withBytes { span in
      unsafe span.withUnsafeBytes {
        unsafe memory.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(memory), byteCount: $0.count)
      }
    }
    let bytes = unsafe ProtobufCBinaryData(len: secret.count, data: memory.assumingMemoryBound(to: UInt8.self))
    unsafe store(name, bytes, PROTOBUF_C_TYPE_BYTES)
  }

  func set<Name: CheckedName>(_ name: StaticString, _ value: Name) throws(MessageError) { try set(name, value.text) }
  func set<ID: UUIDIdentifier>(_ name: StaticString, _ value: ID) throws(MessageError) { try set(name, value.text) }
}

extension WireWriter {
  private func field(_ name: StaticString, _ types: [ProtobufCType], repeated: Bool = false) -> WireField {
    unsafe WireField(name, of: message, as: types, repeated: repeated)
  }

  private func store<Value>(_ name: StaticString, _ value: Value, _ types: ProtobufCType...) {
    store(field(name, types), value)
  }

  private func store<Value>(_ field: WireField, _ value: Value) {
    let base = unsafe UnsafeMutableRawPointer(message)
    unsafe base.storeBytes(of: value, toByteOffset: field.offset, as: Value.self)
    if field.isMember {
      unsafe base.storeBytes(of: field.number, toByteOffset: field.quantifierOffset, as: UInt32.self)
    }
  }

  private func store<Value, Element>(
    _ field: WireField, elements values: [Value],
    _ element: (Value) throws(MessageError) -> UnsafeMutablePointer<Element>
  ) throws(MessageError) {
    guard !values.isEmpty else { return }
    let stride = unsafe MemoryLayout<UnsafeMutablePointer<Element>>.stride
    let list = try unsafe Self.memory(values.count * stride, in: arena)
    for (index, value) in values.enumerated() {
      let pointer = try unsafe element(value)
      unsafe list.storeBytes(of: pointer, toByteOffset: index * stride, as: UnsafeMutablePointer<Element>.self)
    }
    unsafe store(field, list)
    unsafe UnsafeMutableRawPointer(message).storeBytes(
      of: values.count, toByteOffset: field.quantifierOffset, as: Int.self)
  }

  private func string(_ text: String, _ name: StaticString) throws(MessageError) -> UnsafeMutablePointer<CChar> {
    let bytes = Array(text.utf8)
    guard !bytes.contains(0) else { throw MessageError(.embeddedNUL, field: "\(name)", "the text holds a NUL byte") }
    // The arena's memory is zeroed, so the terminator stands already.
    let memory = try unsafe Self.memory(bytes.count + 1, in: arena)
    unsafe UnsafeMutableRawBufferPointer(start: memory, count: bytes.count).copyBytes(from: bytes)
    return unsafe memory.assumingMemoryBound(to: CChar.self)
  }

  private static func memory(_ count: Int, in arena: OpaquePointer) throws(MessageError) -> UnsafeMutableRawPointer {
    guard let memory = unsafe kf_arena_allocate(arena, count) else {
      throw MessageError(.memoryBudget, "the message needs more memory than a message may")
    }
    return unsafe memory
  }
}
