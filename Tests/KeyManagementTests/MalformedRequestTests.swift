// SPDX-License-Identifier: GPL-3.0-or-later

import Testing

@testable import KeyManagement

@Suite("A request that AWS KMS can't make sense of")
struct MalformedRequestTests {
  private func detail(_ code: String, isAdministrative: Bool, message: String = "Invalid keyId nosuch") -> String {
    AWSRefusal(status: 400, code: code, message: message, dateSeconds: 1000, requestID: "")
      .classified(nowSeconds: 1000, isAdministrative: isAdministrative).detail
  }

  @Test("is told by its cause, and closes nothing")
  func sentence() {
    #expect(detail("ValidationException", isAdministrative: false).contains("the key id is malformed"))
    #expect(detail("SomethingNewException", isAdministrative: false).contains("gives no meaning"))
    let refusal = AWSRefusal(status: 400, code: "ValidationException", message: "", dateSeconds: 1000, requestID: "")
    #expect(refusal.classified(nowSeconds: 1000).kind == .unlisted)
  }

  @Test("of the administrator is told in the service's own words, what a signature quotes never")
  func administrative() {
    #expect(detail("ValidationException", isAdministrative: true) == "Invalid keyId nosuch")
    #expect(detail("NotFoundException", isAdministrative: true) == "Invalid keyId nosuch")
    #expect(detail("InvalidSignatureException", isAdministrative: true) != "Invalid keyId nosuch")
    #expect(detail("NotFoundException", isAdministrative: true, message: "") == "the key does not exist")
  }
}
