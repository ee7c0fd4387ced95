using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Tests.S3;

public sealed class S3CertificateSpec
{
    [Fact]
    public async Task The_certificate_of_the_server_is_known_even_if_it_is_not_believed()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var made = new CertificateRequest("CN=store", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(12));
        using var certificate = X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pfx), password: null);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = ServeAsync(listener, certificate);
        var options = new S3Options
        {
            Endpoint = new Uri($"https://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"), PathStyle = true, Retry = new RetryPolicy { AttemptsMax = 1 },
        };
        using var store = new S3ObjectStore(S3Location.Parse("s3://lake/data"), options, TimeProvider.System, S3StandIn.Credentials);

        await Assert.ThrowsAsync<PipelineException>(async () => await store.TryStatAsync("object", TestContext.Current.CancellationToken));
        await serving;

        Assert.Contains(KnownCertificates.OfProcess.All, known => known == ("lake/server", new DateTimeOffset(certificate.NotAfter.ToUniversalTime())));
    }

    private static async Task ServeAsync(TcpListener listener, X509Certificate2 certificate)
    {
        using var client = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        await using var secure = new SslStream(client.GetStream());
        try
        {
            await secure.AuthenticateAsServerAsync(certificate);
            await secure.ReadExactlyAsync(new byte[1], TestContext.Current.CancellationToken);
        }
        catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException)
        {
            // The client does not believe it.
        }
    }
}
