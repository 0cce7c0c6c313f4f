// One door. Users name first what they configure and start.

export {};
