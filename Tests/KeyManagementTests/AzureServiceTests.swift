// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import NIOCore
import Secrets
import Testing

@testable import KeyManagement

@Suite("The Azure Key Vault service against scripted answers")
struct AzureServiceTests {
  private static let key = Array("0123456789abcdef0123456789abcdef".utf8)

  @Test("wraps and unwraps with RSA-OAEP-256, and binds the context inside the payload")
  func roundTrip() async throws {
    let cloud = ScriptedCloud()
    Clouds.vault(cloud)
    let service = try cloud.service(Clouds.azure, secret: Clouds.azureSecret)
    let wrapped = try await service.wrap(
      SecretBytes(copying: Self.key), context: ScriptedCloud.context, deadline: .seconds(300))
    #expect(wrapped.keyID == Clouds.azureKey && wrapped.keyVersion == "0123456789abcdef0123456789abcdef")
    #expect(wrapped.provider == .azure && wrapped.blob.prefix(4) == Array("KFW1".utf8)[...])
    let key = try await service.unwrap(wrapped, context: ScriptedCloud.context, deadline: .seconds(300))
    #expect(key.unprotectedCopy() == Self.key)
    var other = ScriptedCloud.context
    other.node = NodeName(checked: "orders-2")
    do {
      _ = try await service.unwrap(wrapped, context: other, deadline: .seconds(300))
      Issue.record("another node's key was unwrapped")
    } catch { #expect(error.kind == .corruptBlob && error.verdict == nil) }

    let asked = cloud.questions("/unwrapkey")
    #expect(asked.count == 2)
    #expect(asked[0].url == Clouds.azureKey + "/unwrapkey?api-version=7.4")
    #expect(asked[0].text.hasPrefix(#"{"alg":"RSA-OAEP-256","value":""#))
    #expect(asked[0].header("Authorization") == "Bearer eyJ.token-1")
    let token = cloud.questions("/oauth2/v2.0/token")
    #expect(token.count == 1)
    #expect(token[0].url == "https://login.microsoftonline.com/\(Clouds.tenant)/oauth2/v2.0/token")
    #expect(
      token[0].text == "grant_type=client_credentials&client_id=app-1"
        + "&scope=https%3A%2F%2Fvault.azure.net%2F.default&client_secret=s3cr~t%2B%2F%25%26%3D")
    #expect(cloud.records.map(\.requestID) == ["r-1", "r-1", "r-1"])
    #expect(cloud.records.map(\.operation) == [.wrap, .unwrap, .unwrap])
  }

  @Test("asks the machine's identity for tokens")
  func managedIdentity() async throws {
    let cloud = ScriptedCloud()
    Clouds.vault(cloud)
    cloud.on("169.254.169.254", 200, #"{"access_token":"imds","expires_in":"86399","token_type":"Bearer"}"#)
    var settings = Clouds.azure
    settings.credentials = .azureManagedIdentity(clientID: "app-2")
    let service = try cloud.service(settings)
    _ = await cloud.failure(service, Clouds.azureBlob)
    let asked = cloud.questions("169.254.169.254")
    #expect(
      asked.first?.url == "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01"
        + "&resource=https%3A%2F%2Fvault.azure.net&client_id=app-2")
    #expect(asked.first?.header("Metadata") == "true" && asked.first?.method == .get)
    #expect(cloud.questions("/unwrapkey").first?.header("Authorization") == "Bearer imds")
  }

  @Test("a call that renews fetches a token for itself, and sees that the application lost its secret")
  func renewing() async throws {
    let cloud = ScriptedCloud()
    Clouds.vault(cloud)
    let service = try cloud.service(Clouds.azure, secret: "s")
    let wrapped = try await service.wrap(
      SecretBytes(copying: Self.key), context: ScriptedCloud.context, deadline: .seconds(300))
    #expect(await cloud.failure(service.renewing(), wrapped) == nil)
    #expect(cloud.questions("/oauth2/v2.0/token").count == 2)
    cloud.on("/oauth2/v2.0/token", 401, #"{"error":"invalid_client","error_codes":[7000215]}"#)
    #expect(await cloud.failure(service, wrapped) == nil)
    guard case .revoked(.credentialsRefused, _)? = await cloud.failure(service.renewing(), wrapped)?.verdict else {
      Issue.record("a kept token stood in for a secret that is refused")
      return
    }
  }

  @Test("gets a new token when a kept one is refused, and no more than one")
  func renewal() async throws {
    let cloud = ScriptedCloud()
    Clouds.vault(cloud)
    let service = try cloud.service(Clouds.azure, secret: "s")
    _ = try await service.wrap(SecretBytes(copying: Self.key), context: ScriptedCloud.context, deadline: .seconds(300))
    let refusal = #"{"error":{"code":"Unauthorized","message":"AKV10000"}}"#
    cloud.on("/unwrapkey") { _ in cloud.answer(401, refusal, [Clouds.challenge]) }
    let error = await cloud.failure(service, Clouds.azureBlob)
    #expect(error?.verdict.map { if case .revoked(.credentialsRefused, _) = $0 { true } else { false } } == true)
    #expect(cloud.questions("/oauth2/v2.0/token").count == 2 && cloud.questions("/unwrapkey").count == 2)
  }

  @Test(
    "a challenge that is not the vault's proves nothing, and nothing is sent where it points",
    arguments: [
      #"Bearer authorization="https://login.evil.example/\#(Clouds.tenant)", resource="https://vault.azure.net""#,
      #"Bearer authorization="https://login.microsoftonline.com/\#(Clouds.tenant)", resource="https://evil.example""#,
      #"Bearer authorization="https://login.microsoftonline.com.evil.example/x", resource="https://vault.azure.net""#,
      #"Bearer authorization="https://login.microsoftonline.com/99999999-2222-3333-4444-555555555555", "#
        + #"resource="https://vault.azure.net""#,
      "Bearer", "Basic realm=x", "",
    ])
  func challenge(header: String) async throws {
    let cloud = ScriptedCloud()
    Clouds.vault(cloud)
    let body = #"{"error":{"code":"Unauthorized"}}"#
    cloud.on("/unwrapkey") { _ in cloud.answer(401, body, [(name: "WWW-Authenticate", value: header)]) }
    let error = await cloud.failure(try cloud.service(Clouds.azure, secret: "s"), Clouds.azureBlob)
    #expect(error?.kind == .malformedAnswer)
    #expect(cloud.questions.allSatisfy { !$0.url.contains("evil") })
  }

  @Test(
    "a success that is not one proves nothing",
    arguments: [
      "", "{}", "<html>", #"{"kid":"\#(Clouds.azureKey)"}"#, #"{"kid":"\#(Clouds.azureKey)","value":""}"#,
      #"{"kid":"\#(Clouds.azureKey)","value":"a+b/"}"#, #"{"kid":"\#(Clouds.azureKey)","value":"A"}"#,
      #"{"kid":"https://shop.vault.azure.net/keys/cmk/ffffffffffffffffffffffffffffffff","value":"AAAA"}"#,
      #"{"kid":"https://evil.vault.azure.net/keys/cmk/0123456789abcdef0123456789abcdef","value":"AAAA"}"#,
    ])
  func malformed(body: String) async throws {
    let cloud = ScriptedCloud()
    Clouds.vault(cloud)
    cloud.on("/unwrapkey", 200, body)
    let error = await cloud.failure(try cloud.service(Clouds.azure, secret: "s"), Clouds.azureBlob)
    #expect(error?.kind == .malformedAnswer)
  }

  @Test("keys are named with their version, and no vault outside Azure gets a token unless the endpoint is set")
  func names() throws {
    #expect(throws: ModelError.self) { try AzureKeyID("https://shop.vault.azure.net/keys/cmk") }
    #expect(throws: ModelError.self) { try AzureKeyID("https://shop.vault.azure.net/keys/cmk/latest") }
    #expect(throws: ModelError.self) { try AzureKeyID("https://shop.vault.azure.net/secrets/cmk/" + "0" * 32) }
    #expect(throws: ModelError.self) { try AzureKeyID("http://shop.vault.azure.net/keys/cmk/" + "0" * 32) }
    #expect(throws: ModelError.self) { try AzureKeyID("https://u@shop.vault.azure.net/keys/cmk/" + "0" * 32) }
    #expect(throws: ModelError.self) { try AzureKeyID("https://shop.vault.azure.net/keys/c%2fk/" + "0" * 32) }
    #expect(try AzureKeyID("https://shop.vault.usgovcloudapi.net/keys/k/" + "0" * 32).authority.hasSuffix(".us"))
    var settings = Clouds.azure
    settings.keyID = "https://shop.vault.azure.net.evil.example/keys/cmk/" + "0" * 32
    #expect(throws: ModelError.self) { try ScriptedCloud().service(settings, secret: "s") }
    settings.endpoint = "https://127.0.0.1:7443"
    _ = try ScriptedCloud().service(settings, secret: "s")
  }
}

private func * (text: String, count: Int) -> String { String(repeating: text, count: count) }
