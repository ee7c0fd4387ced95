using System.Security.Cryptography.X509Certificates;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Emulation.Kafka;
using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Kafka.Client;
using Pipeline.Testing;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>TLS and SASL as brokers ask for them.</summary>
public sealed class KafkaSecuritySpec : KafkaSpec
{
    private static readonly ScratchCertificates Certificates = ScratchCertificates.Create(TimeProvider.System);

    [Theory]
    [InlineData(SaslMechanism.Plain, "PLAIN")]
    [InlineData(SaslMechanism.ScramSha256, "SCRAM-SHA-256")]
    [InlineData(SaslMechanism.ScramSha512, "SCRAM-SHA-512")]
    public async Task Reads_over_TLS_with_every_mechanism(SaslMechanism mechanism, string name)
    {
        await using var secured = await SecuredAsync("right", new KafkaGatewayOptions { Certificate = ServerCertificate, Mechanism = name, Username = "pipeline", Host = "127.0.0.1" });
        await using var source = secured.Open(SaslOptions("right", mechanism));

        Assert.All(await source.CheckAsync(Deadline), finding => Assert.True(finding.Ok, finding.Detail));
        var read = await ReadRecords.ReadAsync(source, 10, Deadline);

        Assert.Equal(10, read.Records.Count);
    }

    [Theory]
    [InlineData(SaslMechanism.Plain, "PLAIN")]
    [InlineData(SaslMechanism.ScramSha512, "SCRAM-SHA-512")]
    public async Task A_wrong_password_is_one_clear_error_without_the_password(SaslMechanism mechanism, string name)
    {
        await using var secured = await SecuredAsync("right", new KafkaGatewayOptions { Mechanism = name, Username = "pipeline" });
        await using var source = secured.Open(SaslOptions("wr0ng-secret", mechanism) with { Protocol = KafkaProtocol.SaslPlaintext, CaPem = null });

        var finding = Assert.Single(await source.CheckAsync(Deadline));
        var refusal = await Assert.ThrowsAsync<PipelineException>(() => ReadRecords.ReadAsync(source, 1, Deadline));

        Assert.False(finding.Ok);
        Assert.Contains("security.password", finding.NextStep, StringComparison.Ordinal);
        Assert.Equal(FaultKind.NotAuthorised, refusal.Kind);
        Assert.Contains("refused the credentials", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wr0ng-secret", $"{finding} {refusal}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_clients_are_given_is_known_with_the_moment_of_its_end()
    {
        var (certificate, key) = Certificates.IssueClient("pipeline");
        var known = new KnownCertificates();
        var options = KafkaFixture.Options("localhost:9093") with
        {
            Security = new KafkaSecurityOptions
            {
                Protocol = KafkaProtocol.Ssl, CaPem = new Secret(Certificates.AuthorityPem), CertificatePem = new Secret(certificate), KeyPem = new Secret(key),
            },
        };

        await new KafkaClients("events", options, new LocalSecretStore(), known).ConfigureAsync(Deadline);

        Assert.Equal(["source/events/authority", "source/events/client"], known.All.Select(met => met.Name));
        Assert.All(known.All, met => Assert.InRange((met.Expires - TimeProvider.System.GetUtcNow()).TotalDays, 1, 31));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_brokers_show_is_known_with_the_moment_of_its_end_also_where_they_ask_for_one_of_ours(bool isMutual)
    {
        using var authority = X509Certificate2.CreateFromPem(Certificates.AuthorityPem);
        await using var secured = await SecuredAsync("", new KafkaGatewayOptions { Certificate = ServerCertificate, ClientAuthority = isMutual ? authority : null });
        var (certificate, key) = Certificates.IssueClient("pipeline");
        var known = new KnownCertificates();
        var security = new KafkaSecurityOptions { Protocol = KafkaProtocol.Ssl, CaPem = new Secret(Certificates.AuthorityPem) };
        if (isMutual) security = security with { CertificatePem = new Secret(certificate), KeyPem = new Secret(key) };
        await using var source = secured.Open(security, known);

        await source.ListSplitsAsync("user_events", Deadline);
        while (!known.All.Any(met => met.Name == "source/events/server")) await Task.Delay(10, Deadline);

        using var shown = ServerCertificate;
        Assert.Equal(new DateTimeOffset(shown.NotAfter.ToUniversalTime()), known.All.Single(met => met.Name == "source/events/server").Expires);
    }

    [Theory]
    [InlineData("kafka-1:9093", "kafka-1", 9093)]
    [InlineData("kafka-1", "kafka-1", 9092)]
    [InlineData("SASL_SSL://kafka-1.example.com:19093", "kafka-1.example.com", 19_093)]
    [InlineData("[::1]:9094", "::1", 9_094)]
    public void A_broker_is_asked_where_the_client_library_finds_it(string broker, string host, int port) => Assert.Equal((host, port), BrokerCertificates.AddressOf(broker));

    [Fact]
    public async Task A_password_that_is_rotated_while_reading_needs_no_restart()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "first\n", Deadline);
        await using var secured = await SecuredAsync("first", new KafkaGatewayOptions { Mechanism = "SCRAM-SHA-512", Username = "pipeline" });
        await using var source = secured.Open(SaslOptions($"secret:file:{file}", SaslMechanism.ScramSha512) with { Protocol = KafkaProtocol.SaslPlaintext, CaPem = null });
        await using var chunks = source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        var read = new ReadRecords();
        await TakeAsync(10);

        // The broker hangs up and from now on asks for the second password.
        await File.WriteAllTextAsync(file, "second\n", Deadline);
        secured.Gateway.Password = "second";
        secured.Gateway.CloseConnections();
        await secured.AppendAsync(10, Deadline);
        await TakeAsync(20);

        File.Delete(file);

        async Task TakeAsync(int count)
        {
            while (read.Records.Count < count)
            {
                Assert.True(await chunks.MoveNextAsync());
                using var chunk = chunks.Current;
                read.Take(chunk);
            }
        }
    }

    [Fact]
    public async Task A_password_that_is_replaced_while_the_old_one_holds_is_brought_by_the_next_connection_and_none_is_refused()
    {
        using var directory = new ScratchDirectory("kafka-password-");
        var file = Path.Combine(directory, "password");
        await File.WriteAllTextAsync(file, "first\n", Deadline);
        await using var secured = await SecuredAsync("first", new KafkaGatewayOptions { Mechanism = "SCRAM-SHA-512", Username = "pipeline" });
        var logs = new LogLines();
        await using var source = secured.Open(SaslOptions($"secret:file:{file}", SaslMechanism.ScramSha512) with { Protocol = KafkaProtocol.SaslPlaintext, CaPem = null }, logs: logs);
        await using var chunks = source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        var read = new ReadRecords();
        await TakeAsync(10);

        await File.WriteAllTextAsync(file, "second\n", Deadline);
        var next = TakeAsync(20);
        await logs.WaitForAsync(line => line.Contains("the password has been replaced", StringComparison.Ordinal), Deadline);
        // Only now the old one ends.
        secured.Gateway.Password = "second";
        secured.Gateway.CloseConnections();
        await secured.AppendAsync(10, Deadline);
        await next;

        Assert.DoesNotContain(logs.At(LogLevel.Information), line => line.Contains("the password was refused", StringComparison.Ordinal));

        async Task TakeAsync(int count)
        {
            while (read.Records.Count < count)
            {
                Assert.True(await chunks.MoveNextAsync());
                using var chunk = chunks.Current;
                read.Take(chunk);
            }
        }
    }

    [Fact]
    public async Task A_certificate_for_another_host_is_refused_unless_told_not_to_look()
    {
        await using var secured = await SecuredAsync("", new KafkaGatewayOptions { Certificate = ServerCertificate, Host = "127.0.0.2" });
        var strict = new KafkaSecurityOptions { Protocol = KafkaProtocol.Ssl, CaPem = new Secret(Certificates.AuthorityPem) };
        await using var source = secured.Open(strict);
        await using var lax = secured.Open(strict with { VerifyHostname = false });

        var refusal = await Assert.ThrowsAsync<PipelineException>(() => ReadRecords.ReadAsync(source, 1, Deadline));

        Assert.Equal(FaultKind.NotAuthorised, refusal.Kind);
        Assert.EndsWith("its certificate, for localhost, 127.0.0.1 by CN=pipeline scratch authority, is not for 127.0.0.2", refusal.Cause, StringComparison.Ordinal);
        Assert.StartsWith("Write one of the certificate's names: bootstrap.", refusal.NextStep, StringComparison.Ordinal);
        Assert.Equal(10, (await ReadRecords.ReadAsync(lax, 10, Deadline)).Records.Count);
    }

    [Fact]
    public async Task A_certificate_of_an_unknown_authority_is_refused()
    {
        await using var secured = await SecuredAsync("", new KafkaGatewayOptions { Certificate = ServerCertificate });
        await using var source = secured.Open(new KafkaSecurityOptions { Protocol = KafkaProtocol.Ssl, CaPem = new Secret(ScratchCertificates.Create(TimeProvider.System).AuthorityPem) });

        var finding = Assert.Single(await source.CheckAsync(Deadline));

        Assert.False(finding.Ok);
        Assert.EndsWith("its certificate, for localhost, 127.0.0.1 by CN=pipeline scratch authority, is of an authority that is not trusted here", finding.Detail, StringComparison.Ordinal);
        Assert.Contains("security.ca-file", finding.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Shows_its_own_certificate_where_brokers_ask_for_one()
    {
        using var authority = X509Certificate2.CreateFromPem(Certificates.AuthorityPem);
        await using var secured = await SecuredAsync("", new KafkaGatewayOptions { Certificate = ServerCertificate, ClientAuthority = authority });
        var (certificate, key) = Certificates.IssueClient("pipeline");
        var anonymous = new KafkaSecurityOptions { Protocol = KafkaProtocol.Ssl, CaPem = new Secret(Certificates.AuthorityPem) };
        await using var source = secured.Open(anonymous with { CertificatePem = new Secret(certificate), KeyPem = new Secret(key) });
        await using var stranger = secured.Open(anonymous);

        Assert.Equal(10, (await ReadRecords.ReadAsync(source, 10, Deadline)).Records.Count);
        var refusal = await Assert.ThrowsAsync<PipelineException>(() => ReadRecords.ReadAsync(stranger, 1, Deadline));
        Assert.StartsWith("Show one: security.certificate-file and security.key-file.", refusal.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_no_certificate_is_named()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await using var source = fixture.Open(KafkaFixture.Options(fixture.Kafka.Bootstrap) with
        {
            Security = new KafkaSecurityOptions { Protocol = KafkaProtocol.Ssl, CaFile = "/no/such/ca.pem" },
        });

        var finding = Assert.Single(await source.CheckAsync(Deadline));

        Assert.False(finding.Ok);
        Assert.Contains("security.ca-file", finding.Detail, StringComparison.Ordinal);
    }

    private static X509Certificate2 ServerCertificate => X509CertificateLoader.LoadPkcs12(
        X509Certificate2.CreateFromPem(Certificates.ServerPem, Certificates.ServerKeyPem).Export(X509ContentType.Pkcs12), password: null);

    private static KafkaSecurityOptions SaslOptions(string password, SaslMechanism mechanism) => new()
    {
        Protocol = KafkaProtocol.SaslSsl,
        Mechanism = mechanism,
        Username = "pipeline",
        Password = new Secret(password),
        CaPem = new Secret(Certificates.AuthorityPem),
    };

    private async Task<Secured> SecuredAsync(string password, KafkaGatewayOptions options)
    {
        var fixture = new KafkaFixture(partitions: 1);
        // While the broker still advertises itself.
        await fixture.AppendAsync(10, Deadline);
        return new Secured(fixture, KafkaGateway.Start(fixture.Kafka, password, options));
    }

    private sealed record Secured(KafkaFixture Fixture, KafkaGateway Gateway) : IAsyncDisposable
    {
        public ISource Open(KafkaSecurityOptions security, KnownCertificates? certificates = null, LogLines? logs = null) => Fixture.Open(KafkaFixture.Options(Gateway.Bootstrap) with { Security = security }, logs: logs, certificates: certificates);

        public ValueTask AppendAsync(int count, CancellationToken cancellationToken) => Fixture.AppendAsync(count, cancellationToken);

        public async ValueTask DisposeAsync()
        {
            await Gateway.DisposeAsync();
            await Fixture.DisposeAsync();
        }
    }
}
