using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Pipeline.Core.Tests;

public sealed class HttpTransportSpec
{
    [Fact]
    public async Task The_certificate_of_a_server_is_known_even_if_it_is_not_believed()
    {
        var known = new KnownCertificates();
        using var certificate = Certificate(days: 5);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = ServeAsync(listener, certificate);
        using var client = new HttpClient(HttpTransport.Create("aws/monitoring", known));

        var refused = await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(new Uri($"https://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/"), TestContext.Current.CancellationToken));
        await serving;

        Assert.Equal(HttpRequestError.SecureConnectionError, refused.HttpRequestError);
        Assert.Equal([("aws/monitoring", new DateTimeOffset(certificate.NotAfter.ToUniversalTime()))], known.All);
    }

    [Fact]
    public async Task Of_several_servers_of_one_client_the_certificate_that_expires_first_is_told()
    {
        var known = new KnownCertificates();
        using var client = new HttpClient(HttpTransport.Create("source/crm/server", known));
        foreach (var (host, days) in ((string, int)[])[("localhost", 5), ("127.0.0.1", 50)])
        {
            using var certificate = Certificate(days);
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var serving = ServeAsync(listener, certificate);
            await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(new Uri($"https://{host}:{((IPEndPoint)listener.LocalEndpoint).Port}/"), TestContext.Current.CancellationToken));
            await serving;
        }

        var (name, expires) = Assert.Single(known.All);
        Assert.Equal("source/crm/server", name);
        Assert.InRange(expires, TimeProvider.System.GetUtcNow().AddDays(4), TimeProvider.System.GetUtcNow().AddDays(6));
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

    private static X509Certificate2 Certificate(int days)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var made = new CertificateRequest("CN=test", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(days));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pfx), password: null);
    }
}
