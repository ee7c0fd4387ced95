using Pipeline.Ingest.DeadLetters;

namespace Pipeline.Ingest.Tests.DeadLetters;

/// <summary>Dead letters of a split of which the table reads another history by now.</summary>
public sealed class RedriveEpochSpec : IDisposable
{
    private readonly LetterLake _lake = new();

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task A_letter_becomes_a_row_of_the_epoch_that_it_was_read_in_and_is_not_taken_for_one_of_another()
    {
        // Offsets begin again with each epoch, and with them all that a letter is told by.
        await _lake.AppendAsync(LetterLake.Letter(2, "{\"n\":\"read\"}"u8.ToArray()));
        await _lake.DieAsync(LetterLake.Letter(3, "{\"n\":\"old\"}"u8.ToArray()), LetterLake.Letter(5, "{\"n\":\"behind\"}"u8.ToArray()),
            LetterLake.Letter(2, "{\"n\":\"new\"}"u8.ToArray()) with { Epoch = 1 }, LetterLake.Letter(3, "{\"n\":\"newer\"}"u8.ToArray()) with { Epoch = 1 }, LetterLake.Letter(4, "{}"u8.ToArray()) with { Epoch = 1 });
        await _lake.BeginEpochAsync(epoch: 1, reached: 4);

        var first = await _lake.RedriveAsync();
        var second = await _lake.RedriveAsync();

        Assert.Equal(["0:2:read", "0:3:old", "0:5:behind", "1:2:new", "1:3:newer"], (await _lake.RowsAsync("coalesce(_epoch, 0) || ':' || _offset || ':' || (value::JSON ->> 'n')")).Order(StringComparer.Ordinal));
        Assert.Equal((4, 0, 1), (first.Letters(RedriveOutcome.Redriven), first.Letters(RedriveOutcome.InTable), first.Letters(RedriveOutcome.NotReached)));
        Assert.Equal((0, 4, 1), (second.Letters(RedriveOutcome.Redriven), second.Letters(RedriveOutcome.InTable), second.Letters(RedriveOutcome.NotReached)));
    }

    [Fact]
    public async Task A_letter_of_a_part_that_is_read_again_becomes_a_row_of_that_reading_in_the_order_of_the_earlier_one()
    {
        // What could be read then is a letter now, and the other way round.
        await _lake.AppendAsync(LetterLake.Letter(2, "{\"n\":\"read\"}"u8.ToArray()));
        await _lake.DieAsync(LetterLake.Letter(3, "{\"n\":\"old\"}"u8.ToArray()),
            LetterLake.Letter(2, "{\"n\":\"again\"}"u8.ToArray()) with { Epoch = 1, Order = 0 }, LetterLake.Letter(4, "{}"u8.ToArray()) with { Epoch = 1, Order = 0 });
        await _lake.BeginEpochAsync(epoch: 1, reached: 4, order: 0);

        var first = await _lake.RedriveAsync();
        var second = await _lake.RedriveAsync();

        Assert.Equal(["0:2:read", "0:3:old", "1:2:again"],
            (await _lake.RowsAsync("coalesce(_reading, 0) || ':' || _offset || ':' || (value::JSON ->> 'n')")).Order(StringComparer.Ordinal));
        Assert.Equal((2, 0, 1), (first.Letters(RedriveOutcome.Redriven), first.Letters(RedriveOutcome.InTable), first.Letters(RedriveOutcome.NotReached)));
        Assert.Equal((0, 2, 1), (second.Letters(RedriveOutcome.Redriven), second.Letters(RedriveOutcome.InTable), second.Letters(RedriveOutcome.NotReached)));
        Assert.Equal([(RedriveOutcome.Redriven, 0), (RedriveOutcome.Redriven, 1), (RedriveOutcome.NotReached, 1)], first.Lines.Select(line => (line.Outcome, line.Epoch)));
    }
}
