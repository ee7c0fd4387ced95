using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Http.Client;

namespace Pipeline.Node.Cli;

/// <summary>What a running node says, where one of this machine answers or one is named; else nothing, and the lake is read.</summary>
internal static class NodeOrLake
{
    /// <summary>A node that takes longer is asked by its lake.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <returns>Null: no node was named, and none answers here.</returns>
    /// <exception cref="PipelineException">The node that was named refuses, fails or is not there.</exception>
    public static async Task<T?> AskAsync<T>(NodeOptions options, Invocation invocation, ParseResult parsed, Func<NodeClient, CancellationToken, Task<T>> ask, CancellationToken cancellationToken)
        where T : class
    {
        // A lake that was named, and no configuration: nothing says whose node that would be.
        if (!options.IsNamed(parsed) && invocation.TryLoad() is null) return null;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            using var node = options.Connect(invocation, parsed);
            return await ask(node, limit.Token);
        }
        catch (PipelineException e) when (!options.IsNamed(parsed) && e.Kind is FaultKind.Unreachable or FaultKind.Missing or FaultKind.Invalid)
        {
            return null;
        }
        catch (OperationCanceledException) when (!options.IsNamed(parsed) && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }
}
