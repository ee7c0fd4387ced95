using System.Diagnostics.Metrics;

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
        using var figures = new Figures();
        var options = KafkaFixture.Options(fixture.Kafka.Bootstrap) with { BufferBytesMax = budget, ChunkBytesMax = 256 << 10 };
        await using var source = fixture.Open(options);
        await using var chunks = source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        Assert.True(await chunks.MoveNextAsync());
        var read = new ReadRecords();
        TakeCurrent();

        // The queue fills until the thread stands still.
        var held = -1L;
        for (var now = figures.InFlightBytes; now != held || now < budget / 4; now = figures.InFlightBytes)
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

        void TakeCurrent()
        {
            using var chunk = chunks.Current;
            read.Take(chunk);
        }
    }

    [Fact]
    public async Task Counts_records_bytes_dead_letters_and_lag()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.ProduceAsync(0, "12345");
        await fixture.ProduceAsync(0, [0xFF]);
        using var figures = new Figures();
        await using var source = fixture.Open();
        await using var chunks = source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        var read = new ReadRecords();
        while (read.Records.Count + read.DeadLetters.Count < 2)
        {
            Assert.True(await chunks.MoveNextAsync());
            using var chunk = chunks.Current;
            read.Take(chunk);
        }

        Assert.Equal(1, figures["pipeline.source.records"]);
        Assert.Equal(6, figures["pipeline.source.bytes"]);
        Assert.Equal(1, figures["pipeline.source.dead_letters"]);
        while (figures.Observe("pipeline.source.lag.records") is not 0) await Task.Delay(20, Deadline);
        Assert.Equal(0, figures.Observe("pipeline.source.lag.seconds"));
    }

    /// <summary>The instruments of every source in this test, by name.</summary>
    private sealed class Figures : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly Dictionary<string, double> _sums = new(StringComparer.Ordinal);
        private readonly Dictionary<string, double?> _observed = new(StringComparer.Ordinal);

        public Figures()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "Pipeline.Sources.Kafka") listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => Record(instrument, value));
            _listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => Record(instrument, value));
            _listener.Start();
        }

        public double this[string name]
        {
            get
            {
                lock (_sums) return _sums.GetValueOrDefault(name);
            }
        }

        public long InFlightBytes => (long)(Observe("pipeline.source.in_flight.bytes") ?? 0);

        public double? Observe(string name)
        {
            lock (_sums) _observed.Clear();
            _listener.RecordObservableInstruments();
            lock (_sums) return _observed.GetValueOrDefault(name);
        }

        public void Dispose() => _listener.Dispose();

        private void Record(Instrument instrument, double value)
        {
            lock (_sums)
            {
                if (instrument.IsObservable) _observed[instrument.Name] = (_observed.GetValueOrDefault(instrument.Name) ?? 0) + value;
                else _sums[instrument.Name] = _sums.GetValueOrDefault(instrument.Name) + value;
            }
        }
    }
}
