namespace Pipeline.Core;

/// <summary>
/// What carries the HTTP requests of every client here: addresses behind a name are looked up again, no cookie is kept, no redirect followed,
/// which would take what is meant for one server to another, and the certificate of each server is remembered.
/// </summary>
public static class HttpTransport
{
    /// <param name="name">Whose server it is, as in <see cref="KnownCertificates.Saw"/>.</param>
    /// <param name="certificates">Told of what is met; null: those of this process.</param>
    public static SocketsHttpHandler Create(string name, KnownCertificates? certificates = null) => new()
    {
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        UseCookies = false,
        AllowAutoRedirect = false,
        SslOptions = { RemoteCertificateValidationCallback = (certificates ?? KnownCertificates.OfProcess).Seeing(name) },
    };

    /// <summary>The same whose errors say why no secure connection came about: what every client is made with.</summary>
    /// <param name="transport">What <see cref="Create"/> has given, or something over it.</param>
    public static HttpMessageHandler Worded(HttpMessageHandler transport) => new WordedTransport(transport);
}
