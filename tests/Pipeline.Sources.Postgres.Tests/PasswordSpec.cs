using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>To whom a password is told, and to whom it is proved: on both kinds of connections.</summary>
public sealed class PasswordSpec(PostgresServer server) : PostgresSpec
{
    private const int EncryptionRequestBytes = 8;

    [Fact]
    public async Task A_password_in_clear_text_is_told_to_nobody_without_encryption()
    {
        var answers = new List<byte>();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var asking = AskForClearTextAsync(listener, answers, stop.Token);
        var options = OptionsTo(((IPEndPoint)listener.LocalEndpoint).Port, security => security with { Tls = TlsMode.Disable });

        await using var source = TestDatabase.Open(options);
        var refusal = await Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync("items", Cancel));
        var wire = await Assert.ThrowsAsync<NpgsqlException>(async () => await OpenWireAsync(options));
        await stop.CancelAsync();
        await asking;

        Assert.Equal(FaultKind.NotAuthorised, refusal.Kind);
        Assert.Contains("security.tls", refusal.NextStep, StringComparison.Ordinal);
        Assert.Contains("clear text", wire.Message, StringComparison.Ordinal);
        Assert.DoesNotContain((byte)'p', answers);
    }

    [Fact]
    public async Task A_password_is_bound_to_the_encryption_so_that_nobody_between_can_pass_it_on()
    {
        using var key = RSA.Create(2048);
        using var forged = new CertificateRequest("CN=between", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var between = PassOnAsync(listener, forged, stop.Token);
        var options = OptionsTo(((IPEndPoint)listener.LocalEndpoint).Port, security => security with { Tls = TlsMode.Require, CaFile = null });

        await using var source = TestDatabase.Open(options);
        var refusal = await Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync("items", Cancel));
        var wire = await Assert.ThrowsAsync<PostgresException>(async () => await OpenWireAsync(options));
        await stop.CancelAsync();
        await between;

        Assert.Contains("channel binding", refusal.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("channel binding", wire.MessageText, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task With_channel_binding_required_the_server_that_offers_it_is_read_and_another_is_not()
    {
        var options = OptionsTo(server.Scratch.Port, security => security with { ChannelBinding = ChannelBindingMode.Require });
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var asking = AskForClearTextAsync(listener, [], stop.Token);

        (await OpenWireAsync(options)).Dispose();
        var other = await Assert.ThrowsAsync<NpgsqlException>(async () =>
            await OpenWireAsync(options with { Port = ((IPEndPoint)listener.LocalEndpoint).Port, Security = options.Security with { Tls = TlsMode.Disable } }));
        await stop.CancelAsync();
        await asking;

        Assert.NotNull(other);
    }

    private PostgresSourceOptions OptionsTo(int port, Func<PostgresSecurityOptions, PostgresSecurityOptions> secured) => new()
    {
        Name = "app", Host = server.Scratch.Host, Port = port, Database = "postgres", ConnectTimeout = TimeSpan.FromSeconds(60),
        Security = secured(new PostgresSecurityOptions { Username = server.Scratch.User, Password = new Secret(server.Scratch.Password), CaFile = server.Scratch.CaFile }),
        Tables = [TestDatabase.Table("items", "updated_at")],
    };

    private async Task<WireConnection> OpenWireAsync(PostgresSourceOptions options) =>
        await WireConnection.OpenAsync(options, server.Scratch.Password, new Dictionary<string, string>(StringComparer.Ordinal), new KnownCertificates(), Cancel);

    /// <summary>A server that asks everybody for a password in clear text, and keeps what it is answered.</summary>
    private async Task AskForClearTextAsync(TcpListener listener, List<byte> answers, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            TcpClient client;
            try
            {
                client = await listener.AcceptTcpClientAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            using var held = client;
            var stream = client.GetStream();
            var length = new byte[sizeof(int)];
            while (true)
            {
                await stream.ReadExactlyAsync(length, Cancel);
                var bytes = BinaryPrimitives.ReadInt32BigEndian(length);
                await stream.ReadExactlyAsync(new byte[bytes - sizeof(int)], Cancel);
                if (bytes != EncryptionRequestBytes) break;
                // It has none of the kind.
                await stream.WriteAsync("N"u8.ToArray(), Cancel);
            }

            await stream.WriteAsync(new byte[] { (byte)'R', 0, 0, 0, 8, 0, 0, 0, 3 }, Cancel);
            var answer = new byte[1];
            try
            {
                if (await stream.ReadAsync(answer, Cancel) > 0) answers.Add(answer[0]);
            }
            catch (IOException)
            {
                // It left without an answer.
            }
        }
    }

    /// <summary>Somebody who answers with a certificate of his own, and passes everything on to the server over an encryption of his.</summary>
    private async Task PassOnAsync(TcpListener listener, X509Certificate2 forged, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync(cancellationToken);
                using var other = new TcpClient();
                await other.ConnectAsync(IPAddress.Loopback, server.Scratch.Port, cancellationToken);
                var request = new byte[EncryptionRequestBytes];
                await client.GetStream().ReadExactlyAsync(request, cancellationToken);
                await other.GetStream().WriteAsync(request, cancellationToken);
                await other.GetStream().ReadExactlyAsync(request.AsMemory(0, 1), cancellationToken);
                await client.GetStream().WriteAsync(request.AsMemory(0, 1), cancellationToken);
                await using var left = new SslStream(client.GetStream());
                await using var right = new SslStream(other.GetStream());
                await left.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = forged }, cancellationToken);
                await right.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", RemoteCertificateValidationCallback = (_, _, _, _) => true }, cancellationToken);
                await Task.WhenAny(left.CopyToAsync(right, cancellationToken), right.CopyToAsync(left, cancellationToken));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // Nobody comes any more.
        }
    }
}
