using Pipeline.Core;
using Pipeline.Node.Composition;
using Pipeline.Operations.Inspection;

namespace Pipeline.Node.Tests.Cli;

/// <summary>What is said of a table while it lands.</summary>
public sealed class SyncProgressSpec : IDisposable
{
    private static readonly TableId Orders = TableId.Bronze("app", "orders");

    private readonly LakeFixture _lake = new();
    private readonly StringWriter _messages = new() { NewLine = "\n" };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task It_is_said_once_a_second_where_it_has_changed_and_the_pace_is_that_of_this_reading()
    {
        await _lake.AppendAsync(Orders, "Ada", "Bob");
        var counter = new RowCounter(_lake.Lake, [Orders]);
        var progress = new SyncProgress(Orders, counter, await counter.CountAsync(Cancel), _messages, _lake.Time);

        await AfterAsync(0.9, "Cid");
        await AfterAsync(1.1, "Dan", "Eve", "Fay");
        await AfterAsync(5);
        await progress.EndAsync(Cancel);

        // Four rows came in two seconds, beside two that were there; what came after took no part in reading.
        Assert.Equal("""
            bronze/app/orders: 2.0 s  read 6 = Bronze 6 + dead letters 0; Bronze 6 = Silver 0 + quarantined 0 + superseded 0 + deleted 0 + not yet read 6; 2 rows/s
            bronze/app/orders: 7.0 s  read 6 = Bronze 6 + dead letters 0; Bronze 6 = Silver 0 + quarantined 0 + superseded 0 + deleted 0 + not yet read 6; 2 rows/s

            """, _messages.ToString());

        async Task AfterAsync(double seconds, params string[] names)
        {
            if (names.Length > 0) await _lake.AppendAsync(Orders, names);
            _lake.Time.Advance(TimeSpan.FromSeconds(seconds));
            await progress.LookAsync(Cancel);
        }
    }
}
