// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Foundation
import Testing

@Suite("KMS settings")
struct KMSSettingsTests {
  private static let arn = "arn:aws:kms:eu-central-1:111122223333:key/1"
  private static let role = "arn:aws:iam::111122223333:role/team/keyfold"
  private static let all: [KMSCredentials] = [
    .awsAccessKey(id: "AKIA"), .awsRole(arn: role, externalID: "shop-7", accessKeyID: "AKIA"),
    .awsRole(arn: role, externalID: nil, accessKeyID: nil),
    .azureClientSecret(tenant: "contoso.onmicrosoft.com", clientID: "0-1"), .azureManagedIdentity(clientID: nil),
    .azureManagedIdentity(clientID: "0-1"), .googleServiceAccount, .googleMetadata,
  ]

  private static func settings(_ credentials: KMSCredentials) -> KMSSettings {
    KMSSettings(
      provider: credentials.provider, keyID: arn, region: credentials.provider == .azure ? "" : "eu-central-1",
      endpoint: "https://kms.example", credentials: credentials, issuerEndpoint: "https://sts.example",
      metadataEndpoint: credentials.isOfMachine ? "http://169.254.169.254" : nil)
  }

  @Test("come back from JSON as they went in", arguments: all)
  func roundTrip(_ credentials: KMSCredentials) throws {
    let settings = Self.settings(credentials)
    #expect(try JSONDecoder().decode(KMSSettings.self, from: JSONEncoder().encode(settings)) == settings)
    try settings.validate()
  }

  @Test("ask the endpoint of their region if it has one, else the common one, else the provider's")
  func regionEndpoints() throws {
    var settings = Self.settings(.awsAccessKey(id: "AKIA"))
    settings.regionEndpoints = ["eu-central-1": "https://private.example", "us-east-1": "https://other.example"]
    #expect(settings.endpointInUse == "https://private.example")
    #expect(try JSONDecoder().decode(KMSSettings.self, from: JSONEncoder().encode(settings)) == settings)
    try settings.validate()
    settings.region = "eu-west-1"
    #expect(settings.endpointInUse == "https://kms.example")
    settings.endpoint = nil
    #expect(settings.endpointInUse == nil)
  }

  @Test("are read as they were stored before there were other credentials than access keys")
  func old() throws {
    let json = #"{"provider":"aws","keyID":"\#(Self.arn)","region":"eu-central-1","accessKeyID":"AKIA"}"#
    let settings = try JSONDecoder().decode(KMSSettings.self, from: Data(json.utf8))
    #expect(settings.credentials == .awsAccessKey(id: "AKIA"))
    #expect(settings.issuerEndpoint == nil && settings.metadataEndpoint == nil && settings.endpoint == nil)
  }

  @Test(
    "of unknown or incomplete credentials are refused",
    arguments: [
      #"{"kind":"ldap"}"#, #"{"kind":"aws-role"}"#, #"{"kind":"azure-client-secret","tenant":"t"}"#, #"{}"#,
    ])
  func refusedJSON(_ credentials: String) {
    let json = #"{"provider":"aws","keyID":"k","region":"r","accessKeyID":"A","credentials":\#(credentials)}"#
    #expect(throws: (any Error).self) { try JSONDecoder().decode(KMSSettings.self, from: Data(json.utf8)) }
  }

  @Test("name the field and the rule that is broken")
  func rules() throws {
    func broken(_ credentials: KMSCredentials, _ change: (inout KMSSettings) -> Void) -> String? {
      var settings = Self.settings(credentials)
      change(&settings)
      do { try settings.validate() } catch { return error.description }
      return nil
    }
    let key = KMSCredentials.awsAccessKey(id: "AKIA")
    #expect(broken(key) { $0.keyID = "" } == "KMS setting 'key' is missing.")
    #expect(broken(key) { $0.region = "eu central" }?.contains("'region' may not have blanks") == true)
    #expect(broken(key) { $0.endpoint = "http://kms" }?.contains("'endpoint' must begin with https://") == true)
    #expect(broken(key) { $0.issuerEndpoint = "ftp://sts" }?.contains("'issuer endpoint' must begin") == true)
    #expect(broken(key) { $0.regionEndpoints["us-east-1"] = "http://kms" }?.contains("'endpoint of us-east-1'") == true)
    #expect(broken(key) { $0.regionEndpoints[""] = "https://kms" }?.contains("'region endpoint' is missing") == true)
    let secret = KMSCredentials.azureClientSecret(tenant: "t", clientID: "c")
    #expect(broken(secret) { $0.regionEndpoints["westeurope"] = "https://v" }?.contains("no region") == true)
    #expect(broken(key) { $0.metadataEndpoint = "https://m" }?.contains("from the machine") == true)
    #expect(broken(key) { $0.credentials = .googleMetadata }?.contains("which the provider aws") == true)
    #expect(broken(key) { $0.credentials = .awsAccessKey(id: "A\r\nX") }?.contains("'access key id'") == true)
    #expect(
      broken(key) { $0.certificateAuthorityPEM = String(repeating: "x", count: 1 << 19) }?.contains("bytes") == true)
    let role = KMSCredentials.awsRole(arn: Self.role, externalID: nil, accessKeyID: nil)
    #expect(broken(role) { $0.metadataEndpoint = "http://10.0.0.1" }?.contains("loopback") == true)
    for near in [
      "http://127.0.0.1:8080/", "http://169.254.170.23", "http://localhost:1", "http://metadata.google.internal",
    ] {
      #expect(broken(role) { $0.metadataEndpoint = near } == nil)
    }
    for far in [
      "127.evil.example", "169.254.evil.example", "127.0.0.1.evil.example", "127.0.0.256", "127.0.0", "127.0.0.01",
      "127..0.1", "127.1", "169.254.0.0x1", "127.0.0.+1", "",
    ] {
      #expect(broken(role) { $0.metadataEndpoint = "http://\(far)/" }?.contains("loopback") == true, "\(far)")
    }
    #expect(
      broken(role) { $0.credentials = .awsRole(arn: "arn:aws:iam::1:role/x", externalID: nil, accessKeyID: nil) }?
        .contains("'role' must be a role's full ARN") == true)
    #expect(
      broken(role) { $0.credentials = .awsRole(arn: Self.role, externalID: "a b", accessKeyID: nil) }?
        .contains("'external id'") == true)
    let azure = KMSCredentials.azureClientSecret(tenant: "t", clientID: "c")
    #expect(broken(azure) { $0.region = "westeurope" }?.contains("'region' must be left out") == true)
    #expect(
      broken(azure) { $0.credentials = .azureClientSecret(tenant: "t/../x", clientID: "c") }?.contains("'tenant'")
        == true)
  }
}
