namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>
/// Finds the fields of one record's messages: on the wire they come in any order, repeatedly and in pieces. Notes where
/// each is, in memory that the next record uses again. A message's notes are freed before those of the message around it.
/// </summary>
internal sealed class ProtobufScan
{
    // Notes kept for the next record: an exceptional one does not hold its memory for ever.
    private const int KeptMax = 64 << 10;

    private Occurrence[] _occurrences = new Occurrence[256];
    private int _occurrenceCount;

    // For each field of an open message the first and the last occurrence; behind them for each oneof the field that is set.
    private int[] _slots = new int[256];
    private int _slotCount;

    /// <summary>Forgets everything and notes the record itself.</summary>
    public int Begin(int from, int to)
    {
        _occurrenceCount = _slotCount = 0;
        if (_occurrences.Length > KeptMax) _occurrences = new Occurrence[256];
        if (_slots.Length > KeptMax) _slots = new int[256];
        return Note(from, to);
    }

    public ref Occurrence this[int occurrence] => ref _occurrences[occurrence];

    /// <summary>The first occurrence of a field; negative when there is none.</summary>
    public int First(Frame frame, int ordinal) => _slots[frame.Slots + 2 * ordinal];

    /// <summary>The one after it; negative at the end.</summary>
    public int Next(int occurrence) => _occurrences[occurrence].Next;

    public Span<int> Slots(Frame frame) => _slots.AsSpan(frame.Slots, _slotCount - frame.Slots);

    public int Note(int from, int to, bool isPacked = false)
    {
        if (_occurrenceCount == _occurrences.Length) Array.Resize(ref _occurrences, _occurrenceCount * 2);
        _occurrences[_occurrenceCount] = new Occurrence(from, to, isPacked);
        return _occurrenceCount++;
    }

    /// <summary>Memory for so many numbers, all negative, until the frame is freed.</summary>
    public Frame Reserve(int slots)
    {
        var frame = new Frame(_slotCount, _occurrenceCount);
        _slotCount += slots;
        if (_slotCount > _slots.Length) Array.Resize(ref _slots, Math.Max(_slotCount, _slots.Length * 2));
        Slots(frame).Fill(-1);
        return frame;
    }

    public void Free(Frame frame) => (_slotCount, _occurrenceCount) = (frame.Slots, frame.Occurrences);

    /// <summary>
    /// Notes a message's fields. Of a field that is not repeated the last occurrence counts; the pieces of a message are
    /// one message.
    /// </summary>
    /// <param name="piece">Where the message is; pieces of it are chained.</param>
    /// <param name="isWhole">Whether what is chained behind it is other messages.</param>
    public Frame Scan(ProtobufMessage type, ReadOnlySpan<byte> bytes, int piece, bool isWhole)
    {
        var frame = Reserve(2 * type.Fields.Count + type.Oneofs);
        for (; piece >= 0; piece = isWhole ? -1 : _occurrences[piece].Next)
        {
            var input = new WireInput(bytes, _occurrences[piece].From, _occurrences[piece].To);
            while (input.Left > 0) ScanField(type, frame, ref input);
        }

        return frame;
    }

    private void ScanField(ProtobufMessage type, Frame frame, ref WireInput input)
    {
        var (number, wireType) = ReadTag(ref input);
        var ordinal = type.OrdinalOf(number);
        var from = input.At;
        if (wireType == 2)
        {
            var content = input.ReadSized();
            from = input.At - content.Length;
        }
        else
        {
            Skip(ref input, number, wireType, depth: 0);
        }

        // Extensions, and what a writer passes on that it does not know itself.
        if (ordinal < 0) return;
        var field = type.Fields[ordinal];
        var isPacked = wireType == 2 && field.IsRepeated && field.WireType != 2;
        if (wireType != field.WireType && !isPacked)
            throw new FormatException($"Field {field.Name} of {type.Name} has the wire type {wireType} before {input.At}, not {field.WireType}.");
        Keep(type, frame, ordinal, Note(from, input.At, isPacked));
    }

    private void Keep(ProtobufMessage type, Frame frame, int ordinal, int occurrence)
    {
        var field = type.Fields[ordinal];
        if (field.Oneof >= 0)
        {
            ref var set = ref _slots[frame.Slots + 2 * type.Fields.Count + field.Oneof];
            if (set >= 0 && set != ordinal) _slots[frame.Slots + 2 * set] = -1;
            set = ordinal;
        }

        ref var first = ref _slots[frame.Slots + 2 * ordinal];
        ref var last = ref _slots[frame.Slots + 2 * ordinal + 1];
        if (first < 0 || !(field.IsRepeated || field.Kind == ProtobufKind.Message)) first = occurrence;
        else _occurrences[last].Next = occurrence;
        last = occurrence;
    }

    private static (int Number, int WireType) ReadTag(ref WireInput input)
    {
        var tag = input.ReadVarint();
        return tag is >= 8 and <= uint.MaxValue ? ((int)(tag >> 3), (int)(tag & 7)) : throw new FormatException($"There is no field {tag >> 3} before {input.At}.");
    }

    private static void Skip(ref WireInput input, int number, int wireType, int depth)
    {
        switch (wireType)
        {
            case 0:
                input.ReadVarint();
                break;
            case 1:
                input.Read(sizeof(long));
                break;
            case 2:
                input.ReadSized();
                break;
            case 3 when depth < ProtobufToJson.DepthMax:
                for (var inner = ReadTag(ref input); inner != (number, 4); inner = ReadTag(ref input)) Skip(ref input, inner.Number, inner.WireType, depth + 1);
                break;
            case 5:
                input.Read(sizeof(int));
                break;
            default:
                throw new FormatException($"Field {number} has the wire type {wireType} before {input.At}.");
        }
    }

    /// <summary>Where a field's value is. Of numbers their encoding, else the content without its length.</summary>
    internal struct Occurrence(int from, int to, bool isPacked)
    {
        public int From { get; } = from;

        public int To { get; } = to;

        /// <summary>Whether it is many numbers, one after the other.</summary>
        public bool IsPacked { get; } = isPacked;

        public int Next { get; set; } = -1;

        /// <summary>Of a map's entry: whether a later one has the same key.</summary>
        public bool IsReplaced { get; set; }
    }

    /// <summary>Where a message's notes begin.</summary>
    internal readonly record struct Frame(int Slots, int Occurrences);
}
