// SPDX-License-Identifier: GPL-3.0-or-later
internal import CMessages

/// Where the schema puts one field of a message.
///
/// It is looked up by name in protobuf-c's descriptors and checked against the type the code takes it for. A mismatch
/// is a fault of this module, never of the bytes on the wire.
@safe struct WireField {
  private let descriptor: UnsafePointer<ProtobufCFieldDescriptor>

  init(
    _ name: StaticString, of message: UnsafePointer<ProtobufCMessage>, as types: [ProtobufCType], repeated: Bool = false
  ) {
    let text = unsafe UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
    guard
      let found = unsafe protobuf_c_message_descriptor_get_field_by_name(message.pointee.descriptor, text),
      unsafe types.contains(found.pointee.type), unsafe (found.pointee.label == PROTOBUF_C_LABEL_REPEATED) == repeated
    else { preconditionFailure("the schema has no field \(name) of this type") }
    unsafe descriptor = found
  }

  /// The field's number in the schema.
  var number: UInt32 { unsafe descriptor.pointee.id }

  /// Where its value stands in the C struct.
  var offset: Int { unsafe Int(descriptor.pointee.offset) }

  /// Where the count of a list, or the number of a oneof's chosen member, stands in the C struct.
  var quantifierOffset: Int { unsafe Int(descriptor.pointee.quantifier_offset) }

  /// Whether it is a member of a oneof.
  var isMember: Bool { unsafe descriptor.pointee.flags & UInt32(PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue) != 0 }

  /// The descriptor of a field that is a message.
  var messageDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
    guard let child = unsafe descriptor.pointee.descriptor else { preconditionFailure("the field is no message") }
    return unsafe child.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
  }
}
