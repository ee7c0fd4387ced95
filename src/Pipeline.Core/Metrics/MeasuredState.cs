namespace Pipeline.Core.Metrics;

/// <summary>The value of every gauge of a state: the larger, the more it asks for somebody. Of several that see one thing, the largest holds.</summary>
public enum MeasuredState
{
    GoesOn = 0,

    /// <summary>Starts, or has work to do and waits for its turn.</summary>
    Waits = 1,

    /// <summary>Paused or drained, as somebody wished.</summary>
    Rests = 2,

    /// <summary>A fault that may pass: tried again by itself.</summary>
    TriedAgain = 3,

    /// <summary>Somebody has to act.</summary>
    Halted = 4,
}
