using Pipeline.Core;
using Pipeline.Operations.DeadLetters;

namespace Pipeline.Node.Http.Api.Documents;

/// <summary>Letters of an epoch of a table that are dead for one reason.</summary>
/// <param name="Redriven">How many of them are rows of the table by now; null when it cannot be read.</param>
internal sealed record DeadLetterItem(TableId Table, string Code, int Epoch, long Letters, DateTimeOffset Oldest, DateTimeOffset Newest, long? Redriven)
{
    public static DeadLetterItem Of(DeadLetterCount count) => new(count.Table, count.Code, count.Epoch, count.Letters, count.Oldest, count.Newest, count.Redriven);
}
