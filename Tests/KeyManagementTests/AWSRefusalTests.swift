// SPDX-License-Identifier: GPL-3.0-or-later

import Testing

@testable import KeyManagement

@Suite("Reading a refusal out of an answer")
struct AWSRefusalTests {
  private func refusal(_ body: String, _ headers: [String: String] = [:], status: Int = 400) -> AWSRefusal {
    AWSRefusal(status: status, header: { headers[$0] }, body: Array(body.utf8).span)
  }

  @Test("takes the type from __type, with and without its namespace")
  func jsonType() {
    #expect(refusal(#"{"__type":"DisabledException","message":"m"}"#).code == "DisabledException")
    #expect(refusal(#"{"__type":"com.amazonaws.kms#NotFoundException"}"#).code == "NotFoundException")
    #expect(refusal(#"{"code":"ThrottlingException"}"#).code == "ThrottlingException")
  }

  @Test("takes the type from x-amzn-errortype first, without the link behind it")
  func headerType() {
    let headers = ["x-amzn-errortype": "AccessDeniedException:http://internal.amazon.com/coral/"]
    #expect(refusal(#"{"__type":"Other"}"#, headers).code == "AccessDeniedException")
  }

  @Test("takes code, message and request id from XML")
  func xml() {
    let body = """
      <?xml version="1.0"?><ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>The request
      </Message></Error><RequestId>7a62c49f</RequestId></ErrorResponse>
      """
    let refusal = refusal(body, status: 403)
    #expect(refusal.code == "SignatureDoesNotMatch")
    #expect(refusal.requestID == "7a62c49f")
  }

  @Test(
    "finds no type in anything else",
    arguments: [
      "", "null", "[]", "{}", #"{"__type":7}"#, #"{"__type":"a b"}"#, #"{"__type":"x\ny"}"#,
      "<html>403 Forbidden</html>",
      "<Code>", "<Code></Code>", "{\"__type\":\"DisabledException\"", #"{"__type":"DisabledException"} trailing"#,
    ])
  func noType(body: String) {
    #expect(refusal(body, status: 403).code == "")
    #expect(refusal(body, status: 403).classified(nowSeconds: 0).kind == .malformedAnswer)
  }

  @Test("shows the service's text for access refusals only, printable and short")
  func messages() {
    let denied = refusal(#"{"__type":"AccessDeniedException","message":"User: x\u0007 may not\nkms:Decrypt"}"#)
    #expect(denied.classified(nowSeconds: 0).detail.hasSuffix("User: x? may not?kms:Decrypt"))
    let signature = refusal(
      #"{"__type":"InvalidSignatureException","message":"The Canonical String was 'x-amz-security-token:SECRET'"}"#,
      ["date": "Thu, 01 Jan 1970 00:00:00 GMT"])
    #expect(signature.classified(nowSeconds: 0).kind == .credentialsRefused)
    #expect(!signature.classified(nowSeconds: 0).detail.contains("SECRET"))
    let long = refusal(#"{"__type":"AccessDenied","message":"\#(String(repeating: "a", count: 5000))"}"#)
    #expect(long.classified(nowSeconds: 0).detail.utf8.count < 500)
  }

  @Test("reads the date and the request id")
  func headers() {
    let headers = ["date": "Sun, 06 Nov 1994 08:49:37 GMT", "x-amzn-requestid": "abc\u{7}"]
    let read = refusal("{}", headers)
    #expect(read.dateSeconds == 784_111_777)
    #expect(read.requestID == "abc?")
    #expect(refusal("{}", ["date": "yesterday"]).dateSeconds == nil)
  }
}
