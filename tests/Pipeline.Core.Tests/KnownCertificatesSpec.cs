using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Testing;

namespace Pipeline.Core.Tests;

public sealed class KnownCertificatesSpec
{
    private static readonly DateTimeOffset From = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly KnownCertificates _known = new();

    [Fact]
    public void Of_several_in_one_text_the_first_to_expire_counts()
    {
        _known.SawPem("source/app/authority", Pem(days: 90) + "\n" + Pem(days: 30));

        Assert.Equal([("source/app/authority", From.AddDays(30))], _known.All);
    }

    [Fact]
    public void One_that_was_renewed_takes_the_place_of_the_one_before()
    {
        _known.SawPem("source/app/client", Pem(days: 1));
        _known.SawPem("source/app/client", Pem(days: 400));

        Assert.Equal(From.AddDays(400), _known.All.Single().Expires);
    }

    [Fact]
    public void Of_several_servers_behind_one_name_the_first_to_expire_counts_until_it_is_renewed_or_used_no_more()
    {
        var time = new FakeTimeProvider();
        var known = new KnownCertificates(time);
        Meet("a", days: 10);
        Meet("b", days: 300);
        Assert.Equal([("source/crm/server", From.AddDays(10))], known.All);

        Meet("a", days: 200);
        Meet("b", days: 300);
        Assert.Equal([("source/crm/server", From.AddDays(200))], known.All);

        time.Advance(TimeSpan.FromHours(23));
        Meet("b", days: 300);
        Assert.Equal([("source/crm/server", From.AddDays(200))], known.All);
        time.Advance(TimeSpan.FromHours(1));
        Meet("b", days: 300);
        Assert.Equal([("source/crm/server", From.AddDays(300))], known.All);

        // The only one there is is not forgotten, however long nobody is met.
        time.Advance(TimeSpan.FromDays(30));
        Assert.Equal([("source/crm/server", From.AddDays(300))], known.All);

        void Meet(string server, int days)
        {
            using var certificate = X509Certificate2.CreateFromPem(Pem(days));
            known.Saw("source/crm/server", certificate, server);
        }
    }

    [Fact]
    public void What_is_no_certificate_is_not_known()
    {
        using var directory = new ScratchDirectory("pipeline-certificates-");
        _known.SawPem("a", "-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----");
        _known.SawPem("b", "");
        _known.SawFile("c", Path.Combine(directory.Path, "missing.pem"));
        _known.SawFile("d", directory.Path);

        Assert.Empty(_known.All);
    }

    [Theory]
    [InlineData(System.Net.Security.SslPolicyErrors.None, true)]
    [InlineData(System.Net.Security.SslPolicyErrors.RemoteCertificateNameMismatch, false)]
    public void A_server_is_believed_as_it_would_be_without_being_seen(System.Net.Security.SslPolicyErrors errors, bool isBelieved)
    {
        using var certificate = X509Certificate2.CreateFromPem(Pem(days: 10));

        Assert.Equal(isBelieved, IsBelieved(_known.Seeing("source/app/server")));
        Assert.Equal(!isBelieved, IsBelieved(_known.Seeing("source/app/server", (_, _, _, _) => !isBelieved)));
        Assert.Equal([("source/app/server", From.AddDays(10))], _known.All);

        // One that is not believed is told with its names.
        bool IsBelieved(System.Net.Security.RemoteCertificateValidationCallback check)
        {
            try
            {
                return check(this, certificate, chain: null, errors);
            }
            catch (CertificateRefusedException refused)
            {
                Assert.StartsWith("its certificate, for test by CN=test, is ", refused.Message, StringComparison.Ordinal);
                return false;
            }
        }
    }

    private static string Pem(int days)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=test", key, HashAlgorithmName.SHA256).CreateSelfSigned(From, From.AddDays(days));
        return certificate.ExportCertificatePem();
    }
}
