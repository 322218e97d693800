// SPDX-License-Identifier: GPL-3.0-or-later

internal import NIOCore

/// The little XML that AWS STS answers with.
enum XMLText {
  /// An element around text.
  static func element(_ name: String, _ text: String) -> String { "<\(name)>\(escaped(text))</\(name)>" }

  /// Text with what XML would read as markup written as entities.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// A refusal (STS API reference, "Common errors").
  static func refusal(_ fault: KMSFault, requestID: String) -> ByteBuffer {
    ByteBuffer(
      string: "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>"
        + element("Type", fault.status < 500 ? "Sender" : "Receiver") + element("Code", fault.type)
        + element("Message", fault.message) + "</Error>" + element("RequestId", requestID) + "</ErrorResponse>")
  }
}
