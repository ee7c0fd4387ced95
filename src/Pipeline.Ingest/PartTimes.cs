using System.Globalization;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Reading;

namespace Pipeline.Ingest;

/// <summary>Between which order times a part of a log lies that is read again in the order that it has, as its table's rows before and behind it say. In microseconds since the epoch; null: none says any.</summary>
/// <param name="Before">That of the last row before the part: from there on time goes on in it as it did.</param>
/// <param name="Behind">That of the first row at or behind its end, or where the split is now if there is none: no record of the part may be put behind it, also one that no row was made of the first time.</param>
internal readonly record struct PartTimes(long? Before, long? Behind)
{
    /// <summary>Of each part, by its split. Reads those files of the table that may have rows next to one.</summary>
    /// <param name="parts">All of them end.</param>
    /// <exception cref="PipelineException">A part begins where the table may have rows of the older order that came before the one that it reads now; or a file cannot be read.</exception>
    public static async Task<IReadOnlyDictionary<SplitId, PartTimes>> OfAsync(DeltaTable bronze, TableId table, IReadOnlyList<SplitPart> parts, CancellationToken cancellationToken)
    {
        var snapshot = bronze.Current;
        var (shape, order) = (BronzeShape.Of(snapshot.Schema), NextEpoch.OrderOf(snapshot));
        var (split, number) = shape.Numbering!.Value;
        var looks = parts.ToDictionary(part => part.Split.Name[(part.Split.Name.LastIndexOf('/') + 1)..], part => new Look(part), StringComparer.Ordinal);
        string?[] optional = [shape.OrderTime, shape.RecordTime, snapshot.Schema.FieldsLookup.Contains(BronzeColumns.RedrivenFrom) ? BronzeColumns.RedrivenFrom : null];
        var options = new ReadOptions([split, number, .. optional.OfType<string>(), .. RowEpochs.ColumnsOf(snapshot.Schema)]);
        // What lies nearest to a part is read first, and most of the rest need not be.
        var near = snapshot.Files.Select(file => (File: file, Numbers: Statistics.Bounds(file.Stats, number))).OrderBy(file => looks.Values.Min(look => look.DistanceOf(file.Numbers)));
        foreach (var (file, numbers) in near)
        {
            if (!looks.Values.Any(look => look.MayLearnFrom(numbers, order > 0))) continue;
            await foreach (var batch in TableReader.ReadAsync(bronze, snapshot, [file], options, cancellationToken))
                using (batch)
                    Take(batch);
        }

        // An epoch began somewhere in a split, unless it was the first: where it has a row, it had begun.
        if (order > 0 && looks.Values.FirstOrDefault(look => !look.HasBegun) is { } early)
            throw new PipelineException(FaultKind.Invalid, $"Table {table}", $"the part of split {early.Part.Split} begins at {early.Part.From}, and nothing shows that epoch {order}, which the table reads now, had begun there: what lies there may be older than all of that",
                early.First is { } first ? $"Begin at {first} or later, leave --to away to have all read again from there on, or read all of it again: --full." : "Leave --to away to have all read again from there on, or read all of it again: --full.");
        return looks.Values.ToDictionary(look => look.Part.Split, look => new PartTimes(look.Before, look.HasBehind ? look.Behind : snapshot.Marks(look.Part.Split).OrderTime));

        void Take(RecordBatch batch)
        {
            var (numbers, epochs) = ((Int64Array)batch.Column(number), new RowEpochs(batch));
            var (orders, times) = (TimesOf(batch, shape.OrderTime), TimesOf(batch, shape.RecordTime));
            var redriven = optional[2] is { } column ? (StringArray)batch.Column(column) : null;
            var splits = batch.Column(split);
            for (var row = 0; row < batch.Length; row++)
            {
                // One that was entered later has its own time, and may lie anywhere.
                if (epochs[row].Order != order || redriven?.IsValid(row) == true || !looks.TryGetValue(NameOf(splits, row), out var look)) continue;
                look.Take(numbers.GetValue(row)!.Value, orders?.GetValue(row), times?.GetValue(row));
            }
        }
    }

    private static TimestampArray? TimesOf(RecordBatch batch, string? column) => column is null ? null : (TimestampArray)batch.Column(column);

    private static string NameOf(IArrowArray splits, int row) =>
        splits is Int32Array numbers ? numbers.GetValue(row)!.Value.ToString(CultureInfo.InvariantCulture) : ((StringArray)splits).GetString(row)!;

    /// <summary>What is known of the rows next to a part.</summary>
    private sealed class Look(SplitPart part)
    {
        private readonly long _end = part.To!.Value;
        private long? _last;
        private long? _next;

        public SplitPart Part => part;

        public long? Before { get; private set; }

        public long? Behind { get; private set; }

        public bool HasBehind => _next is not null;

        /// <summary>The first row of the split in its order that has been seen.</summary>
        public long? First { get; private set; }

        public bool HasBegun => First <= part.From;

        /// <summary>How far a file's numbers are from one of those next to the part; 0 where nothing is known of them.</summary>
        public long DistanceOf((long Min, long Max)? numbers) => numbers is var (min, max) ? Math.Min(Distance(part.From - 1, min, max), Distance(_end, min, max)) : 0;

        public bool MayLearnFrom((long Min, long Max)? numbers, bool asksForBeginning) => numbers is not var (min, max)
            || (min < part.From && !(Math.Min(max, part.From - 1) < _last))
            || (max >= _end && !(Math.Max(min, _end) > _next))
            || (asksForBeginning && !HasBegun && !(min >= First));

        /// <param name="order">The time that puts the row in order, where it is not its own.</param>
        /// <param name="own">The row's own time.</param>
        public void Take(long number, long? order, long? own)
        {
            var time = order ?? own;
            if (!(First <= number)) First = number;
            // Where no row is before the part, this one tells how far time had come when its epoch began.
            if (number == part.From && _last is null) Before = Greater(Before, order);
            // Of one that was read several times, the greatest time puts it in order.
            if (number < part.From && !(number < _last)) (_last, Before) = (number, number == _last ? Greater(Before, time) : time);
            if (number >= _end && !(number > _next)) (_next, Behind) = (number, number == _next ? Greater(Behind, time) : time);
        }

        private static long? Greater(long? one, long? other) => !(one >= other) ? other ?? one : one;

        private static long Distance(long place, long min, long max) => Math.Max(0, Math.Max(min - place, place - max));
    }
}
