using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;

namespace Pipeline.Operations.Control;

/// <summary>How far an order has come, in the log of the table that it is about.</summary>
internal static class OrderMarks
{
    /// <summary>The operation of the commits that say so.</summary>
    public const string Operation = "ORDER";

    /// <summary>The appId of the number of the last order that was begun.</summary>
    private const string BegunAppId = "pipeline.order.begun";

    private const string IdParameter = "order";

    private static readonly RetryPolicy Races = new()
    {
        BackoffMin = TimeSpan.FromMilliseconds(10), BackoffMax = TimeSpan.FromSeconds(1), Jitter = 1, AttemptsMax = 100,
    };

    public static async ValueTask<bool> IsBegunAsync(DeltaTable table, Order order, CancellationToken cancellationToken) =>
        (await table.RefreshAsync(cancellationToken)).Position(BegunAppId) == order.Number;

    /// <exception cref="PipelineException">The log cannot be written.</exception>
    public static Task BeginAsync(DeltaTable table, Order order, TimeProvider time, CancellationToken cancellationToken) => MoveAsync(table, order, BegunAppId, time, cancellationToken);

    /// <inheritdoc cref="BeginAsync"/>
    public static Task EndAsync(DeltaTable table, Order order, TimeProvider time, CancellationToken cancellationToken) => MoveAsync(table, order, Order.DoneAppId, time, cancellationToken);

    /// <summary>Whether there is a commit of the operation behind that which began the order.</summary>
    public static async ValueTask<bool> HasSinceAsync(DeltaTable table, Order order, string operation, CancellationToken cancellationToken)
    {
        await foreach (var (_, info) in table.HistoryAsync(cancellationToken))
        {
            if (info?.Operation == operation) return true;
            if (info?.Operation == Operation && info.OperationParameters.GetValueOrDefault(IdParameter) == order.Id) return false;
        }

        return false;
    }

    /// <summary>Whether the order itself has had the operation committed: between what began it and what began or ended another.</summary>
    public static async ValueTask<bool> HasDoneAsync(DeltaTable table, Order order, string operation, CancellationToken cancellationToken)
    {
        var isBehind = false;
        await foreach (var (_, info) in table.HistoryAsync(cancellationToken))
        {
            if (info?.Operation == operation) isBehind = true;
            if (info?.Operation != Operation) continue;
            if (info.OperationParameters.GetValueOrDefault(IdParameter) != order.Id) isBehind = false;
            else if (isBehind) return true;
        }

        return false;
    }

    private static async Task MoveAsync(DeltaTable table, Order order, string appId, TimeProvider time, CancellationToken cancellationToken) => await Races.RunAsync(time, async cancel =>
    {
        var snapshot = await table.RefreshAsync(cancel);
        if (snapshot.Position(appId) >= order.Number) return true;
        return await table.CommitAsync(new Transaction(Operation, Isolation.BlindAppend)
        {
            Moves = [new TxnMove(appId, snapshot.Position(appId), order.Number)],
            Parameters = ImmutableDictionary<string, string>.Empty.Add(IdParameter, order.Id).Add("kind", ControlWords.Of(order.Kind)),
        }, cancel) is CommitResult.Committed;
    }, cancellationToken, isAgain: marked => !marked, isTransient: _ => false);
}
