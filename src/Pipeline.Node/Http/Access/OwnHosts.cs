using System.Net;
using Microsoft.AspNetCore.Http;
using Pipeline.Operations.Options;

namespace Pipeline.Node.Http.Access;

/// <summary>The names and addresses under which a node may be asked.</summary>
internal sealed class OwnHosts(HttpOptions options)
{
    private readonly HashSet<string> _names = new(options.Names, StringComparer.OrdinalIgnoreCase);

    /// <param name="host">What the request says it was sent to.</param>
    /// <param name="local">The address of this machine at which it arrived.</param>
    public bool Has(HostString host, IPAddress? local)
    {
        var name = host.Host.Trim('[', ']');
        if (_names.Contains(name)) return true;
        if (options.IsLoopback) return name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || name == options.Host || (IPAddress.TryParse(name, out var loopback) && IPAddress.IsLoopback(loopback));
        // An address is no name: nobody can point one at another machine.
        return IPAddress.TryParse(name, out var address) && !address.Equals(IPAddress.Any) && !address.Equals(IPAddress.IPv6Any) && local is not null
            && (address.Equals(local) || (local.IsIPv4MappedToIPv6 && address.Equals(local.MapToIPv4())));
    }
}
