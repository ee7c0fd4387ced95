using Akka.Event;
using Akka.Hosting;
using Akka.Remote.Transport.DotNetty;

namespace Pipeline.Remoting.Tls;

public static class TlsRegistration
{
    /// <summary>Nodes talk to each other encrypted, and each shows the other a certificate of this pipeline.</summary>
    public static AkkaConfigurationBuilder WithMutualTls(this AkkaConfigurationBuilder akka, NodeCertificates certificates)
    {
        akka.AddHocon("akka.remote.dot-netty.tcp.enable-ssl = on", HoconAddMode.Prepend);
        akka.AddSetup(new DotNettySslSetup(certificates.Own, suppressValidation: false, requireMutualAuthentication: true, (certificate, chain, peer, _, log) =>
        {
            if (certificates.Refusal(certificate, chain?.ChainPolicy.ExtraStore) is not { } refusal) return true;
            log.Warning("A connection with {0} was refused: {1}", peer, refusal);
            return false;
        }));
        return akka;
    }
}
