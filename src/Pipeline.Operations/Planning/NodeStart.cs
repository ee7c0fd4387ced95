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
