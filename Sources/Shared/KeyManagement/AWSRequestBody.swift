// SPDX-License-Identifier: GPL-3.0-or-later

package import NIOCore
internal import Secrets

/// The JSON bodies of requests, and of answers of a server of the same protocol.
package enum AWSRequestBody {
  /// A body without secrets.
  package static func plain(_ members: [JSONValue.Member]) -> ByteBuffer {
    ByteBuffer(bytes: JSONValue.object(members).encoded())
  }

  /// A body with one secret member in base64; whoever sends it wipes it.
  package static func secret(_ name: String, _ bytes: RawSpan, _ members: [JSONValue.Member]) -> ByteBuffer {
    var encoded = Base64.encoded(bytes)
    defer { SecretBytes.wipe(&encoded) }
    return unsafe secretText(name, encoded.span.bytes, members)
  }

  /// A body with one secret member that is text without quotes and escapes; whoever sends it wipes it.
  package static func secretText(_ name: String, _ text: RawSpan, _ members: [JSONValue.Member]) -> ByteBuffer {
    let rest = JSONValue.object(members).encoded()
    var body = ByteBuffer()
    body.reserveCapacity(text.byteCount + rest.count + name.utf8.count + 8)  // never moved: one wipe reaches all of it
    body.writeString("{\"\(name)\":\"")
    body.writeBytes(text)
    body.writeString("\",")
    body.writeBytes(rest.dropFirst())
    return body
  }
}

/// Overwrites buffers that held a secret; what HTTP and TLS libraries copied from them is beyond us.
package enum SecretWiping {
  /// Overwrites and empties a buffer.
  package static func wipe(_ buffer: inout ByteBuffer) {
    buffer.moveReaderIndex(to: 0)
    let count = buffer.readableBytes
    buffer.setRepeatingByte(0, count: count, at: 0)
    buffer.clear()
  }
}
