// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore

/// One HTTP request as the engine sees it.
struct KMSRequest: Sendable {
  var method: String
  /// Path and query as in the request line.
  var target: String
  var headers: [(name: String, value: String)]
  var body: ByteBuffer
  var clientAddress: String

  /// All values of a header; names compare without case.
  func values(_ name: String) -> [String] {
    headers.filter { $0.name.lowercased() == name }.map(\.value)
  }

  /// The value of a header that stands there once; nil otherwise.
  func value(_ name: String) -> String? {
    let values = values(name)
    return values.count == 1 ? values.first : nil
  }
}

/// One HTTP answer; the body may hold a plaintext and is wiped once it is written.
struct KMSReply: Sendable {
  var status: Int
  var requestID: String
  var body: ByteBuffer
  var dateSeconds: Int64

  /// A refusal as AWS's JSON protocol writes it.
  init(_ fault: KMSFault, requestID: String, dateSeconds: Int64) {
    status = fault.status
    self.requestID = requestID
    self.dateSeconds = dateSeconds
    var members: [JSONValue.Member] = [.init("__type", .string(fault.type))]
    if !fault.message.isEmpty { members.append(.init("message", .string(fault.message))) }
    body = AWSRequestBody.plain(members)
  }

  /// A success.
  init(body: ByteBuffer, requestID: String, dateSeconds: Int64) {
    status = 200
    self.requestID = requestID
    self.body = body
    self.dateSeconds = dateSeconds
  }
}
