// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import Secrets
import Testing

@testable import KeyManagement

@Suite("Base64, JSON, dates and names on the wire")
struct EncodingTests {
  @Test(
    "base64 agrees with RFC 4648",
    arguments: [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
      ("foobar", "Zm9vYmFy"),
    ])
  func base64(plain: String, text: String) {
    #expect(Base64.text(Array(plain.utf8)) == text)
    #expect(Base64.bytes(text) == Array(plain.utf8))
  }

  @Test("base64 carries every byte in every place")
  func base64AllBytes() throws {
    let bytes = (0..<768).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 / 256) }
    for length in 0..<8 {
      let part = Array(bytes[0..<(760 + length)])
      #expect(Base64.bytes(Base64.text(part)) == part)
    }
    let text = Array(Base64.text(bytes).utf8)
    let secret = try Base64.secret(in: text.span, 0..<text.count)?.unprotectedCopy()
    #expect(secret == bytes)
  }

  @Test(
    "base64 refuses what is not canonical",
    arguments: [
      "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Z*==", "Zg==Zg==", "====", "Zm8\n", "Zm9v ", "Zm-_", "é===",
    ])
  func base64Refusals(text: String) { #expect(Base64.bytes(text) == nil) }

  @Test(
    "the JSON reader refuses what RFC 8259 does not allow",
    arguments: [
      "", " ", "{", "}", "{]", "[", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "nul", "truex", "01", "1.",
      ".1",
      "-", "1e", "+1", "\"", "\"\\", "\"\u{1}\"", "1 2", "{\"a\":1,\"a\":2}", "NaN",
    ])
  func jsonRefusals(text: String) {
    #expect(throws: JSONFault.self) { try JSONReader.read(Array(text.utf8).span) }
  }

  @Test("the JSON reader stops at its limits instead of overflowing the stack")
  func jsonLimits() {
    for text in [
      String(repeating: "[", count: 100_000), String(repeating: "{\"a\":", count: 100_000),
      "[" + String(repeating: "1,", count: 10_000) + "1]",
    ] {
      #expect(throws: JSONFault.self) { try JSONReader.read(Array(text.utf8).span) }
    }
  }

  @Test("random bytes never trap the JSON reader")
  func jsonNoise() {
    var generator = SeededGenerator(state: 7)
    let alphabet = Array("{}[]\":,\\u0019tfn.eE-+ ab\u{1}".utf8) + [0xFF, 0xC3]
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
        alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
      }
      guard let item = try? JSONReader.read(bytes.span) else { continue }
      _ = item.text(in: bytes.span)
      _ = item.number(in: bytes.span)
      _ = item.texts(in: bytes.span)
    }
  }

  @Test("JSON texts come back as they were, with every escape")
  func jsonTexts() throws {
    let text = "a\"\\/\u{8}\u{c}\n\r\t\u{1}\u{7f}é漢😀"
    let bytes = JSONValue.object([.init("k", .string(text))]).encoded()
    #expect(try JSONReader.read(bytes.span).member("k")?.text(in: bytes.span) == text)
    let escaped = Array(#"{"k":"\u00e9\ud83d\ude00\/"}"#.utf8)
    #expect(try JSONReader.read(escaped.span).member("k")?.text(in: escaped.span) == "é😀/")
    for wrong in [#""\ud83d""#, #""\ud83dx""#, #""\ude00""#, #""\u12""#, #""\x""#] {
      let bytes = Array(wrong.utf8)
      #expect(try JSONReader.read(bytes.span).text(in: bytes.span) == nil)
    }
  }

  @Test("dates agree with RFC 9110 and with AWS's form")
  func dates() {
    #expect(CivilTime(httpDate: "Sun, 06 Nov 1994 08:49:37 GMT")?.seconds == 784_111_777)
    #expect(CivilTime(seconds: 784_111_777).httpDate == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(CivilTime(seconds: 1_440_938_160).basic == "20150830T123600Z")
    #expect(CivilTime(seconds: 1_709_208_000).extended == "2024-02-29T12:00:00Z")
    for seconds in stride(from: Int64(0), to: 4_102_444_800, by: 86_399 * 37) {
      let time = CivilTime(seconds: seconds)
      #expect(time.seconds == seconds)
      #expect(CivilTime(basic: time.basic) == time)
      #expect(CivilTime(httpDate: time.httpDate) == time)
    }
  }

  @Test(
    "dates that are none are refused",
    arguments: ["", "20150830T123600", "20150830 123600Z", "20151330T123600Z", "2015083OT123600Z", "99999999T999999Z"])
  func wrongDates(text: String) {
    #expect(CivilTime(basic: text) == nil)
    #expect(CivilTime(httpDate: text) == nil)
  }

  @Test("a key is named by its full ARN, never by an alias")
  func arns() throws {
    let text = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    #expect(try KeyARN(text).description == text)
    #expect(try KeyARN(text).inRegion("us-east-1") == nil)
    let multi = try KeyARN("arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab")
    #expect(multi.inRegion("eu-west-1").map { multi.isSameKey(as: $0) } == true)
    let refused = [
      "", "1234abcd-12ab-34cd-56ef-1234567890ab", "alias/shop", "arn:aws:kms:us-east-1:111122223333:alias/shop",
      "arn:aws:kms:us-east-1:11112222333:key/a", "arn:aws:s3:us-east-1:111122223333:key/a",
      "arn:aws:kms::111122223333:key/a", "arn:aws:kms:us-east-1:111122223333:key/",
      "arn:aws:kms:us east:111122223333:key/a",
      "arn:aws:kms:us-east-1:111122223333:key/a/b", String(repeating: "a", count: 5000),
    ]
    for text in refused { #expect(throws: ModelError.self) { try KeyARN(text) } }
    let alias = #expect(throws: ModelError.self) { try KeyARN("alias/shop") }
    #expect(alias?.description.contains("alias") == true)
  }

  @Test("an endpoint is https with a host, and nothing else")
  func endpoints() throws {
    #expect(try HTTPEndpoint("https://localhost:7443").authority == "localhost:7443")
    #expect(try HTTPEndpoint("https://KMS.example.com:443/").url == "https://kms.example.com/")
    #expect(try HTTPEndpoint("https://[::1]:7443").authority == "[::1]:7443")
    for (partition, region, host) in [
      ("aws", "eu-central-1", "kms.eu-central-1.amazonaws.com"),
      ("aws-cn", "cn-north-1", "kms.cn-north-1.amazonaws.com.cn"),
      ("aws-us-gov", "us-gov-west-1", "kms.us-gov-west-1.amazonaws.com"),
      ("aws-eusc", "eusc-de-east-1", "kms.eusc-de-east-1.amazonaws.eu"),
      ("aws-iso", "us-iso-east-1", "kms.us-iso-east-1.c2s.ic.gov"),
      ("aws-iso-b", "us-isob-east-1", "kms.us-isob-east-1.sc2s.sgov.gov"),
    ] {
      #expect(try HTTPEndpoint(region: region, partition: partition).authority == host)
    }
    #expect(throws: HTTPFailure.self) { try HTTPEndpoint(region: "x-1", partition: "aws-new") }
    for text in [
      "", "http://localhost:7443", "localhost", "https://", "https://user@host", "https://host/path", "https://host:0",
      "https://host:70000", "https://host:x", "https://[::1", "https://[::1]x", "https://ho st", "ftp://host",
    ] {
      #expect(throws: HTTPFailure.self) { try HTTPEndpoint(text) }
    }
  }
}

/// A small generator whose sequence a seed fixes (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
