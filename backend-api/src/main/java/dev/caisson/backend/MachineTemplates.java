package dev.caisson.backend;

import java.util.List;

/** Virtual machines that were written down when they were ready and had no container, for pods' machines to go on from. Thread-safe. */
public interface MachineTemplates {
    /**
     * What a machine must be like to go on from a template.
     *
     * @param memoryMib what its kernel finds
     * @param processors 1 to 8
     * @param cards how many network cards it has
     */
    record Shape(int memoryMib, int processors, int cards) {}

    /**
     * A template that there is.
     *
     * @param bytes what it takes on the disk
     * @param problem why no machine goes on from it on this host; empty when one does
     */
    record Entry(String name, Shape shape, long bytes, String problem) {}

    /**
     * Makes one: boots a machine, waits until it is ready, writes it down and ends it.
     *
     * @param launcher what the machine is a launch of
     * @return its name
     * @throws ContainerFault ALREADY_EXISTS when there is one of that shape that can be used
     */
    String build(Shape shape, Launcher launcher) throws ContainerFault;

    /** All that there are, by name. */
    List<Entry> list() throws ContainerFault;

    /**
     * Reads one from its beginning to its end, and the guest's image, and compares.
     *
     * @return what is wrong, a sentence for each; empty when nothing is
     * @throws ContainerFault NOT_FOUND
     */
    List<String> verify(String name) throws ContainerFault;

    /** @throws ContainerFault NOT_FOUND */
    void remove(String name) throws ContainerFault;
}
