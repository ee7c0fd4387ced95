using Pipeline.Core.Metrics;
using Pipeline.Testing;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>Instruments count for the whole process: who looks at them runs while no other source does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ProcessFigures
{
    public const string Name = "figures of the process";
}

/// <summary>What a reading holds, and what it says about itself.</summary>
[Collection(ProcessFigures.Name)]
public sealed class KafkaBoundsSpec : KafkaSpec
{
    [Fact]
    public async Task Holds_no_more_than_its_budget_while_nobody_takes_chunks()
    {
        const int records = 3000;
        const long budget = 4 << 20;
        await using var fixture = new KafkaFixture(partitions: 4);
        var payload = new string('x', 4000);
        await Task.WhenAll(Enumerable.Range(0, records).Select(number => fixture.ProduceAsync(number % 4, payload))).WaitAsync(Deadline);
        using var figures = new Measurements();
        var options = KafkaFixture.Options(fixture.Kafka.Bootstrap) with { ReadAheadBytesMax = budget, ChunkBytesMax = 256 << 10 };
        await using var source = fixture.Open(options);
        await using var chunks = source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        Assert.True(await chunks.MoveNextAsync());
        var read = new ReadRecords();
        TakeCurrent();

        // The queue fills until the thread stands still.
        var held = -1L;
        for (var now = InFlightBytes(); now != held || now < budget / 4; now = InFlightBytes())
        {
            Assert.InRange(now, 0, budget / 2 + 1_000_000);
            held = now;
            using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
            await pause.WaitForNextTickAsync(Deadline);
        }

        while (read.Records.Count < records)
        {
            Assert.True(await chunks.MoveNextAsync());
            TakeCurrent();
        }

        Assert.Equal(records, read.Records.Select(record => (record.Partition, record.Offset)).Distinct().Count());

        long InFlightBytes() => (long)(figures.Observe(Instruments.KafkaInFlightBytes) ?? 0);

        void TakeCurrent()
        {
            using var chunk = chunks.Current;
            read.Take(chunk);
        }
    }

    [Fact]
    public async Task Counts_records_bytes_and_lag()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.ProduceAsync(0, "12345");
        await fixture.ProduceAsync(0, [0xFF]);
        using var figures = new Measurements();
        await using var source = fixture.Open();
        await using var chunks = source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        var read = new ReadRecords();
        while (read.Records.Count + read.DeadLetters.Count < 2)
        {
            Assert.True(await chunks.MoveNextAsync());
            using var chunk = chunks.Current;
            read.Take(chunk);
        }

        Assert.Equal(1, figures.Sum(Instruments.KafkaRecords));
        Assert.Equal(6, figures.Sum(Instruments.KafkaBytes));
        while (figures.Observe(Instruments.LagRecords) is not 0) await Task.Delay(20, Deadline);
        Assert.Equal(0, figures.Observe(Instruments.LagSeconds));
    }
}
