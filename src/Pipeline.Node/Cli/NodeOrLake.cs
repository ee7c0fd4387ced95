using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Http.Client;

namespace Pipeline.Node.Cli;

/// <summary>What a running node says, where one of this machine answers or one is named; else nothing, and the lake is read.</summary>
internal static class NodeOrLake
{
    /// <summary>A node that takes longer is asked by its lake.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Of several on this machine one after the other is asked, until one says it. That one was there and could not is told to people.</summary>
    /// <returns>Null: no node was named, and none here says it.</returns>
    /// <exception cref="PipelineException">The node that was named refuses, fails or is not there.</exception>
    public static async Task<T?> AskAsync<T>(NodeOptions options, Invocation invocation, ParseResult parsed, Func<NodeClient, CancellationToken, Task<T>> ask, CancellationToken cancellationToken)
        where T : class
    {
        if (options.IsNamed(parsed))
        {
            using var named = options.Connect(invocation, parsed);
            using var limit = LimitOf(cancellationToken);
            return await ask(named, limit.Token);
        }

        PipelineException? cannot = null;
        foreach (var node in NodeClient.OfThisMachine(invocation))
        {
            using var asked = node;
            using var limit = LimitOf(cancellationToken);
            try
            {
                return await ask(asked, limit.Token);
            }
            catch (PipelineException e) when (e.Kind is FaultKind.Unreachable or FaultKind.Missing or FaultKind.Invalid)
            {
                // What is missing or wrong the lake says in its own words.
                if (asked.HasAnswered && e.Kind == FaultKind.Unreachable) cannot ??= e;
            }
            catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
            {
                cannot ??= new PipelineException(FaultKind.Unreachable, asked.Name, $"it has not answered within {Patience.TotalSeconds:0} s", "Its log says what it is busy with.", e);
            }
        }

        if (cannot is not null) invocation.Context.Messages.WriteLine($"{cannot.Message} So the lake is asked.");
        return null;
    }

    private static CancellationTokenSource LimitOf(CancellationToken cancellationToken)
    {
        var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        return limit;
    }
}
