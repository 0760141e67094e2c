/** Rules about the whole tree: class files, documents. */
@NullMarked
package dev.caisson.tests.arch;

import org.jspecify.annotations.NullMarked;
