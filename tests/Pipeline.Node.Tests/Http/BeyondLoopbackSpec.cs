using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Pipeline.Configuration;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Http;

/// <summary>A node that other machines reach.</summary>
public sealed class BeyondLoopbackSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-beyond-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_web_node_does_not_start_in_plain_text()
    {
        var refused = await Assert.ThrowsAsync<ConfigurationException>(() => WebNode.StartAsync(_directory, http: "host = 0.0.0.0"));

        var problem = Assert.Single(refused.Problems);
        Assert.Equal("pipeline.http.tls", problem.Path);
        Assert.Contains("in plain text", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_web_node_speaks_TLS_with_who_believes_its_authority_under_its_own_names()
    {
        var (tls, authority) = Certificate();
        await using var node = await WebNode.StartAsync(_directory, http: $"host = 0.0.0.0, names = [pipeline.example], {tls}");
        var port = node.Http.BaseAddress!.Port;
        var token = Path.Combine(_directory, "token");
        await File.WriteAllTextAsync(token, node.Token("viewer"), TestContext.Current.CancellationToken);
        string[] ask = ["ask", "/v1/whoami", "--url", $"https://127.0.0.1:{port}", "--token-file", token];

        var believed = await NodeRun.OfAsync([.. ask, "--ca-file", authority]);
        var unknown = await NodeRun.OfAsync(ask);

        Assert.True(believed.ExitCode == ExitCode.Done, believed.Messages);
        Assert.Equal(ExitCode.CannotConnect, unknown.ExitCode);
        using var http = new HttpClient(new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true } }) { BaseAddress = new Uri($"https://127.0.0.1:{port}") };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", node.Token("viewer"));
        foreach (var (host, status) in ((string, HttpStatusCode)[])[("pipeline.example", HttpStatusCode.OK), ("127.0.0.1", HttpStatusCode.OK), ("rebound.example", HttpStatusCode.MisdirectedRequest), ("10.1.2.3", HttpStatusCode.MisdirectedRequest), ("localhost", HttpStatusCode.MisdirectedRequest)])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/whoami") { Headers = { Host = host } };
            using var answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.True(answer.StatusCode == status, $"{host}: {answer.StatusCode}");
        }

        // Who shows a token is told of tables.
        Assert.Contains("directory=\"work\"", await http.GetStringAsync("/metrics", TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_shows_nothing_is_told_no_name_and_a_token_is_not_taken_in_plain_text()
    {
        // A source that is away: the loopback address would say which.
        await using var node = await RunningNode.StartAsync(_directory, """
            crm_of_ours { type = kafka, bootstrap = "127.0.0.1:1", security { protocol = plaintext }, tables { secret_table { topic = secret_table } } }
            """, behind: $$"""
            http { host = 0.0.0.0, socket-directory = "{{Path.Combine(_directory, "s")}}", access.directory = "{{Path.Combine(_directory, "access")}}" }
            """);
        using var answers = new HealthAnswers(new Uri($"http://127.0.0.1:{node.HttpAddress.Port}"));
        var away = await answers.WaitForAsync("/healthz/ready", answer => answer.Failing.Contains("sources"));
        Assert.Empty(away.Reasons);
        Assert.DoesNotContain("of_ours", away.Body, StringComparison.Ordinal);

        using var http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri($"http://127.0.0.1:{node.HttpAddress.Port}") };
        // By the socket all is told, so that there is something that could have been.
        var (told, metrics) = (await NodeRun.OfAsync("ask", "/metrics", "--config", node.ConfigPath), await http.GetStringAsync("/metrics", TestContext.Current.CancellationToken));
        Assert.Contains("secret_table", told.Data, StringComparison.Ordinal);
        Assert.DoesNotContain("secret_table", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("of_ours", metrics, StringComparison.Ordinal);
        Assert.Contains("pipeline_ingest_buffer_bytes", metrics, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("/v1/whoami", TestContext.Current.CancellationToken)).StatusCode);
    }

    [Fact]
    public async Task A_certificate_that_has_expired_is_told_before_anything_listens()
    {
        var (tls, _) = Certificate(validUntil: TimeProvider.System.GetUtcNow().AddDays(-1));

        var refused = await Assert.ThrowsAsync<Core.PipelineException>(() => WebNode.StartAsync(_directory, http: $"host = 0.0.0.0, {tls}"));

        Assert.Contains("it expired on", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>The section <c>tls</c>, and the file with whom to believe.</summary>
    private (string Section, string Authority) Certificate(DateTimeOffset? validUntil = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=node", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var until = validUntil ?? TimeProvider.System.GetUtcNow().AddDays(10);
        using var certificate = request.CreateSelfSigned(until.AddDays(-20), until);
        var (file, keyFile) = (Path.Combine(_directory, "web.pem"), Path.Combine(_directory, "web.key"));
        File.WriteAllText(file, certificate.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
        return ($$"""tls { certificate-file = "{{file}}", key-file = "{{keyFile}}" }""", file);
    }
}
