using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Ingest;

namespace Pipeline.Operations.Control;

/// <summary>What orders have done, by those who can.</summary>
internal interface IOrderWork
{
    /// <summary>Has a Silver or Gold table run.</summary>
    ValueTask TriggerAsync(TableId table, CancellationToken cancellationToken);

    /// <summary>Interrupts the run of a Silver or Gold table that goes on; it is planned anew.</summary>
    ValueTask CancelAsync(TableId table, CancellationToken cancellationToken);

    /// <summary>Makes a Silver or Gold table anew; cut off and begun again it goes on.</summary>
    ValueTask RebuildAsync(TableId table, CancellationToken cancellationToken);

    /// <summary>Has a Bronze table read again from the beginning of its source, in a new epoch.</summary>
    ValueTask BackfillAsync(TableId table, CancellationToken cancellationToken);

    /// <summary>Has parts of a Bronze table read again, in a new epoch.</summary>
    /// <param name="isInOrder">Whether its records keep the order that they have.</param>
    ValueTask BackfillAsync(TableId table, IReadOnlyList<SplitPart> parts, bool isInOrder, CancellationToken cancellationToken);

    /// <summary>Gives up what is lost between a Bronze table and its source, of the splits that are at these positions.</summary>
    ValueTask AcceptGapAsync(TableId table, OrderAim aim, CancellationToken cancellationToken);
}

/// <summary>
/// Does an order about a table once, whoever begins it how often: one that its table shows as done is done, one whose aim has moved is
/// refused. Cut off between its steps it is begun again, and the table's log tells how far it had come.
/// </summary>
internal sealed class OrderRunner(Lake lake, IOrderWork work, TimeProvider time)
{
    /// <exception cref="PipelineException">It cannot be said how it ended; begun again, it goes on.</exception>
    public async ValueTask<(OrderOutcome Outcome, string? Detail)> RunAsync(Order order, CancellationToken cancellationToken)
    {
        var id = order.Target.Table!;
        var table = await lake.TryOpenAsync(id, cancellationToken);
        if (OrderAims.IsDone(order, table?.Current))
            // An earlier release passes a part by, and does what was ordered behind it: then the number alone says nothing.
            return order.Kind is not (OrderKind.BackfillPart or OrderKind.BackfillInOrder) || table!.Current.Position(Order.DoneAppId) == order.Number || await OrderMarks.HasDoneAsync(table, order, GapAcceptance.BackfillOperation, cancellationToken)
                ? (OrderOutcome.Done, null) : (OrderOutcome.Refused, "another order came first: plan it again");
        var isBegun = table is not null && await OrderMarks.IsBegunAsync(table, order, cancellationToken);
        if (OrderAims.MovedSince(order.Aim, table?.Current) is { } moved)
        {
            if (!isBegun) return (OrderOutcome.Refused, $"{moved} since it was given");
            // What has moved it is the order itself, or stands for it: whoever had begun it was cut off behind it.
            if (order.Kind != OrderKind.Rebuild || await OrderMarks.HasSinceAsync(table!, order, "REBUILD", cancellationToken)) return await EndAsync();
        }

        // One about a table that was not there when it was given has no aim that moves.
        if (isBegun && order.Kind is OrderKind.Backfill or OrderKind.BackfillPart or OrderKind.BackfillInOrder && await OrderMarks.HasSinceAsync(table!, order, GapAcceptance.BackfillOperation, cancellationToken)) return await EndAsync();
        // Begun again it might meet another run.
        if (isBegun && order.Kind == OrderKind.Cancel) return await EndAsync();
        if (table is not null && !isBegun) await OrderMarks.BeginAsync(table, order, time, cancellationToken);
        switch (order.Kind)
        {
            case OrderKind.Trigger:
                await work.TriggerAsync(id, cancellationToken);
                break;
            case OrderKind.Cancel:
                await work.CancelAsync(id, cancellationToken);
                break;
            case OrderKind.Rebuild:
                await work.RebuildAsync(id, cancellationToken);
                break;
            case OrderKind.Backfill:
                await work.BackfillAsync(id, cancellationToken);
                break;
            case OrderKind.BackfillPart or OrderKind.BackfillInOrder when order.Aim?.Parts is { } parts:
                await work.BackfillAsync(id, parts, order.Kind == OrderKind.BackfillInOrder, cancellationToken);
                break;
            case OrderKind.AcceptGap when order.Aim is { } aim:
                await work.AcceptGapAsync(id, aim, cancellationToken);
                break;
            default:
                return (OrderOutcome.Failed, $"{ControlWords.Of(order.Kind)} is not done of a table that is not there, or not by this release");
        }

        return await EndAsync();

        async ValueTask<(OrderOutcome, string?)> EndAsync()
        {
            // A rebuild may have put another log in the table's place; a run may have made the table.
            if ((table = await lake.TryOpenAsync(id, cancellationToken)) is not null) await OrderMarks.EndAsync(table, order, time, cancellationToken);
            return (OrderOutcome.Done, null);
        }
    }
}
