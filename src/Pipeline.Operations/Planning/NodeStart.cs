using System.Net.Sockets;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Options;
using Pipeline.Remoting.Tls;

namespace Pipeline.Operations.Planning;

/// <summary>What a node of a configuration needs before it starts. A start asks it, and so does a check.</summary>
public static class NodeStart
{
    /// <summary>So long a start waits for a lake that does not answer.</summary>
    private static readonly TimeSpan LakeMax = TimeSpan.FromSeconds(10);

    /// <returns>The certificates by which nodes know each other; null where they talk in plain text.</returns>
    /// <exception cref="ConfigurationException">The configuration is not one to run a node with.</exception>
    /// <exception cref="PipelineException">A certificate cannot be read or would be refused by the others.</exception>
    public static ValueTask<NodeCertificates?> RequireAsync(PipelineOptions options, ISecretStore secrets, TimeProvider time, CancellationToken cancellationToken) =>
        options.RunProblems is { Count: > 0 } problems ? throw new ConfigurationException(problems) : CertificatesAsync(options, secrets, time, cancellationToken);

    /// <returns>What the node shows who asks it over the network; null where it speaks plain text.</returns>
    /// <exception cref="PipelineException">A certificate cannot be read, or has expired.</exception>
    public static async ValueTask<ServerCertificate?> ServerCertificateAsync(PipelineOptions options, ISecretStore secrets, TimeProvider time, CancellationToken cancellationToken) =>
        options.Http.Tls is { } tls ? await ServerCertificate.LoadAsync(tls, secrets, time, cancellationToken) : null;

    /// <summary>Never fails: a lake that does not answer is waited for by the node that has started.</summary>
    /// <returns>Why no node may start on the lake: it is being restored. Null: it may.</returns>
    public static async Task<PipelineException?> UnfinishedRestoreAsync(Lake lake, TimeProvider time, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(lake);
        using var limit = new CancellationTokenSource(LakeMax, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        return await Background.RunAsync(async cancel => await UnfinishedRestore.FaultOfAsync(lake.Store, cancel), either.Token) is Outcome<PipelineException?>.Done { Value: { } fault } ? fault : null;
    }

    /// <summary>Every secret of the configuration that cannot be had, with its setting.</summary>
    /// <param name="areFilesOnly">Those that this machine has are asked for, which costs nothing.</param>
    public static async ValueTask<IReadOnlyList<Finding>> UnreadSecretsAsync(PipelineOptions options, ISecretStore secrets, bool areFilesOnly, CancellationToken cancellationToken)
    {
        var unread = new List<Finding>();
        foreach (var configured in options.Notes.References.DistinctBy(configured => configured.Secret.Reference, StringComparer.Ordinal))
        {
            if (!configured.Secret.Reference.StartsWith(areFilesOnly ? "secret:file:" : "secret:", StringComparison.Ordinal)) continue;
            try
            {
                await secrets.RevealAsync(configured.Secret, cancellationToken);
            }
            catch (PipelineException fault)
            {
                unread.Add(new Finding(fault.Thing, Ok: false, fault.Cause, $"{fault.NextStep} It is {configured.Path} ({configured.Location})."));
            }
        }

        return unread;
    }

    /// <summary>The ports that a node would listen at.</summary>
    /// <param name="isRunningHere">A node of this configuration runs on this machine, and has them.</param>
    public static async ValueTask<IReadOnlyList<Finding>> PortsAsync(PipelineOptions options, bool isRunningHere, CancellationToken cancellationToken)
    {
        var found = new List<Finding>();
        foreach (var (host, port, setting, hostSetting) in ((string, int, string, string)[])
                 [(options.Cluster.ListensAt, options.Cluster.Port, "cluster.port", "cluster.bind-hostname"), (options.Http.Host, options.Http.Port, "http.port", "http.host")])
        {
            if (port == 0) continue;
            var fault = await OwnPort.TryAsync(host, port, setting, hostSetting, cancellationToken);
            found.Add((fault?.Error, isRunningHere) switch
            {
                (null, _) => new Finding($"Port {port}, {setting}", Ok: true, "can be listened at"),
                // Where it is checked need not be where it runs.
                (SocketError.AddressNotAvailable, _) => new Finding($"Port {port}, {setting}", Ok: true, $"is not tried: {host} is no address of this machine"),
                (SocketError.AddressAlreadyInUse, true) => new Finding($"Port {port}, {setting}", Ok: true, "a node of this pipeline that runs here has it"),
                _ => new Finding($"Port {port}, {setting}", Ok: false, fault!.Value.Told.Cause, fault.Value.Told.NextStep),
            });
        }

        return found;
    }

    /// <summary>What a start says of the certificates; null: nothing.</summary>
    internal static async ValueTask<PipelineException?> CertificateFaultAsync(PipelineOptions options, ISecretStore secrets, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            await CertificatesAsync(options, secrets, time, cancellationToken);
            using var shown = await ServerCertificateAsync(options, secrets, time, cancellationToken);
            return null;
        }
        catch (PipelineException fault)
        {
            return fault;
        }
    }

    private static async ValueTask<NodeCertificates?> CertificatesAsync(PipelineOptions options, ISecretStore secrets, TimeProvider time, CancellationToken cancellationToken) =>
        options.Cluster.Tls is { } tls ? await NodeCertificates.LoadAsync(tls, options.Name, secrets, time, cancellationToken) : null;
}
