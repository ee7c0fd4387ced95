using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>Whatever client of HTTP comes to no secure connection says which check failed, and what mends it.</summary>
[Collection(HealthySources.Name)]
public sealed class TlsWordsSpec(HealthySources sources) : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-tls-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("unknown authority", "is signed by itself alone, and not trusted here", "Name a PEM file with the authority that signed it")]
    [InlineData("expired", "expired at ", "Renew the server's certificate, or set this machine's clock right")]
    [InlineData("wrong name", "for other.example by CN=scratch, is signed by itself alone, and not trusted here and is not for 127.0.0.1", "Name a PEM file with the authority that signed it")]
    [InlineData("plain text", "it speaks no TLS where TLS was asked for", "Write the port that speaks TLS")]
    public async Task A_connection_that_is_not_secure_is_told_by_what_is_wrong_with_it(string flaw, string cause, string nextStep)
    {
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "test");
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "test");
        using var certificate = Certificate(flaw);
        await using var server = new AcceptingPort((client, stopping) => AnswerAsync(client, flaw == "plain text" ? null : certificate, stopping));
        var address = $"https://{server.EndPoint}";
        var config = await ConfigureAsync(address);

        var check = await NodeRun.OfAsync("check", "--config", config, "-o", "json").WaitAsync(Deadlines.Test, Cancel);
        var ask = await NodeRun.OfAsync(new Dictionary<string, string>(StringComparer.Ordinal) { ["PIPELINE_TOKEN"] = "pt_test" }, "ask", "/v1/status", "--url", address, "--config", config).WaitAsync(Deadlines.Test, Cancel);

        var told = check.Rows.Where(row => !(bool)row!["ok"]!).Select(row => (Thing: (string)row!["thing"]!, Cause: (string)row["told"]!["cause"]!, NextStep: (string?)row["told"]!["next_step"])).ToList();
        foreach (var thing in (string[])["lake s3://bucket/lake", "Source by_account", "Source by_token", "Source registered", "Secret secret:aws:shop"])
            Assert.True(told.Exists(one => one.Thing.StartsWith(thing, StringComparison.Ordinal) && one.Cause.Contains(cause, StringComparison.Ordinal) && one.NextStep?.Contains(nextStep, StringComparison.Ordinal) == true), $"{thing}: {check}");
        Assert.Contains(cause, ask.Messages, StringComparison.Ordinal);
        Assert.Contains(nextStep, ask.Messages, StringComparison.Ordinal);
    }

    private Task<string> ConfigureAsync(string address) => RunningNode.ConfigureAsync(_directory, $$"""
        {{sources.SnowflakeOf("orders { table = ORDERS, watermark = UPDATED_AT, key = [ORDER_ID] }").Replace("crm {", "by_account {", StringComparison.Ordinal).Replace($"account-url = \"{sources.Snowflake.Url}\"", $"account-url = \"{address}\", retry {{ attempts-max = 1 }}", StringComparison.Ordinal)}}
        {{sources.SnowflakeOf("orders { table = ORDERS, watermark = UPDATED_AT, key = [ORDER_ID] }").Replace("crm {", "by_token {", StringComparison.Ordinal).Replace($"token-url = \"{sources.Snowflake.TokenUrl}\"", $"token-url = \"{address}/token\"", StringComparison.Ordinal).Replace("poll-interval", "retry { attempts-max = 1 }, poll-interval", StringComparison.Ordinal)}}
        {{sources.KafkaConfiguration.Replace("events {", "registered {", StringComparison.Ordinal).Replace("format = json", "format = avro", StringComparison.Ordinal).Replace("commit-group", $"registry.url = \"{address}\", commit-group", StringComparison.Ordinal)}}
        {{sources.PostgresAs("reader", "secret:aws:shop", HealthySources.UsersTable, "poll-interval = 100ms")}}
        """, $$"""
        lake { location = "s3://bucket/lake", s3 { endpoint = "{{address}}", region = us-east-1, path-style = true, retry { attempts-max = 1 } } }
        secrets { region = us-east-1, endpoint = "{{address}}" }
        """);

    private static X509Certificate2 Certificate(string flaw)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=scratch", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        if (flaw == "wrong name") names.AddDnsName("other.example");
        else names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var made = request.CreateSelfSigned(now.AddDays(-9), now.AddDays(flaw == "expired" ? -2 : 9));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pfx), password: null);
    }

    /// <param name="certificate">Null: it answers in plain text.</param>
    private static async Task AnswerAsync(Socket client, X509Certificate2? certificate, CancellationToken stopping) => _ = await Record.ExceptionAsync(async () =>
    {
        await using var stream = new NetworkStream(client, ownsSocket: true);
        if (certificate is null)
        {
            _ = await stream.ReadAtLeastAsync(new byte[1024], 1, throwOnEndOfStream: false, stopping);
            await stream.WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), stopping);
            return;
        }

        await using var secure = new SslStream(stream);
        await secure.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, stopping);
        _ = await secure.ReadAtLeastAsync(new byte[1], 1, throwOnEndOfStream: false, stopping);
    });
}
